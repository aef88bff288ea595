//! The trainer's C++: operations with a gradient of one's own, which tch has none of.

use std::ffi::{CStr, c_char, c_void};
use tch::Tensor;

#[expect(unsafe_code, reason = "tch has no operation with a gradient of one's own")]
unsafe extern "C" {
    fn mocolab_norm(
        x: *const c_void,
        vectors: *const *const c_void,
        other: *const c_void,
        training: bool,
        rectify: bool,
        momentum: f64,
        epsilon: f64,
        message: *mut c_char,
    ) -> *mut c_void;
    safe fn mocolab_keep_memory();
    safe fn mocolab_has_tiles() -> bool;
    fn mocolab_conv(x: *const c_void, weight: *const c_void, stride: i64, message: *mut c_char) -> *mut c_void;
}

/// Keeps memory between the steps of a training whose `devices` are the CPU alone (`memory.cpp`). To be called before other threads
/// are started.
pub fn keep_memory(devices: &[String]) {
    if devices.iter().all(|device| device == "cpu") {
        mocolab_keep_memory();
    }
}

/// Room for what went wrong.
type Message = [c_char; 256];

/// `norm.cpp`: batch norm of `x`, and the addition of `other` and a rectifier where they are asked for. `vectors` are scale,
/// shift, running mean and running variance. What it takes, `super::norm` says.
pub(super) fn norm(
    x: &Tensor,
    vectors: [&Tensor; 4],
    other: Option<&Tensor>,
    (training, rectify): (bool, bool),
    [momentum, epsilon]: [f64; 2],
) -> Tensor {
    let [x, other] = [Some(x), other].map(pointer);
    let vectors = vectors.map(|vector| pointer(Some(vector)));
    let mut message: Message = [0; 256];
    #[expect(unsafe_code, reason = "the call of what is declared above")]
    // SAFETY: all pointers are null or to tensors that outlive the call, of the kind and layout that `norm.rs` has seen.
    let y =
        unsafe { mocolab_norm(x, vectors.as_ptr(), other, training, rectify, momentum, epsilon, message.as_mut_ptr()) };
    taken("batch norm", y, &message)
}

/// Whether the processor has matrix tiles for bf16, and the system lets this process use them.
pub(super) fn has_tiles() -> bool {
    mocolab_has_tiles()
}

/// `conv.cpp`: convolution of `x` with `weight`. What it takes, `super::conv` says.
pub(super) fn conv(x: &Tensor, weight: &Tensor, stride: i64) -> Tensor {
    let mut message: Message = [0; 256];
    let [x, weight] = [x, weight].map(|tensor| pointer(Some(tensor)));
    #[expect(unsafe_code, reason = "the call of what is declared above")]
    // SAFETY: both are tensors that outlive the call, of the kind and layout that `conv.rs` has seen.
    let y = unsafe { mocolab_conv(x, weight, stride, message.as_mut_ptr()) };
    taken("convolution", y, &message)
}

fn pointer(tensor: Option<&Tensor>) -> *const c_void {
    tensor.map_or(std::ptr::null(), |tensor| tensor.as_ptr().cast::<c_void>())
}

/// The tensor at `y`. A panic, as of tch's own operations, where there is none: the trainer's end then tells `message`.
fn taken(what: &str, y: *mut c_void, message: &Message) -> Tensor {
    #[expect(unsafe_code, reason = "what C++ has made, in tch's hands")]
    // SAFETY: both functions give null or a new tensor of the caller's own, which tch frees; a message is ended by a zero
    // within its 256 bytes.
    unsafe {
        assert!(!y.is_null(), "{what}: {}", CStr::from_ptr(message.as_ptr()).to_string_lossy());
        Tensor::from_ptr(y.cast())
    }
}
