//! Views: how the pictures of a batch are changed before a network sees them. What happens to each is drawn first, on
//! the CPU ([`Draws`]); then the batch is changed where it lies ([`view`]): on a GPU all pictures at once, in as few
//! operations as can be, on the CPU picture by picture, so that one stays in the cache for all of its operations.
//!
//! The operations are those of torchvision's transforms for tensors, which the tests hold them to.

mod batch;
mod draws;
mod mix;
mod picture;
mod planes;
#[cfg(test)]
mod tests;

pub use draws::Draws;
pub use mix::{Mix, cutout};

use tch::{Device, Tensor};

/// The weights of red, green and blue in a picture's grey (ITU-R 601-2, as torchvision rounds them).
const GREY: [f32; 3] = [0.2989, 0.587, 0.114];

/// The pictures `pixels`, bytes `[n, height, width, 3]`, each changed as drawn: `[n, 3, height, width]` on the same
/// device, fp32 from 0 to 1, channels last in memory.
pub fn view(pixels: &Tensor, draws: &Draws) -> Tensor {
    assert_eq!(pixels.size()[0], draws.changes.len() as i64, "a batch has as many draws as pictures");
    if pixels.device() == Device::Cpu { picture::view(pixels, draws) } else { batch::view(pixels, draws) }
}

/// The row or column that stands at `place` where a picture is mirrored at its outermost pixels without end.
fn reflect(place: i64, length: i64) -> i64 {
    let period = (2 * (length - 1)).max(1);
    let place = place.rem_euclid(period);
    place.min(period - place).min(length - 1)
}
