//! The views of a batch on the CPU: picture by picture, the pictures shared out to libtorch's number of threads.

use super::draws::{Change, Draws};
use super::planes::Planes;
use std::panic::resume_unwind;
use tch::Tensor;

/// See [`super::view`].
pub(super) fn view(pixels: &Tensor, draws: &Draws) -> Tensor {
    let size = pixels.size();
    let (height, width) = (size[1] as usize, size[2] as usize);
    let pixels = pixels.contiguous().view([-1]);
    let mut bytes = vec![0; pixels.numel()];
    pixels.copy_data(&mut bytes, pixels.numel());
    let mut values = vec![0.0; bytes.len()];
    let share = draws.changes.len().div_ceil(tch::get_num_threads().max(1) as usize).max(1);
    let picture = height * width * 3;
    std::thread::scope(|scope| {
        let parts = bytes.chunks(share * picture).zip(values.chunks_mut(share * picture));
        let mut works = parts.zip(draws.changes.chunks(share)).map(|((bytes, values), changes)| {
            move || {
                let mut planes = Planes::new(height, width);
                let pictures = bytes.chunks_exact(picture).zip(values.chunks_exact_mut(picture));
                for ((bytes, values), change) in pictures.zip(changes) {
                    follow(change, draws, bytes, &mut planes);
                    planes.store(values);
                }
            }
        });
        let own = works.next();
        let others: Vec<_> = works.map(|work| scope.spawn(work)).collect();
        if let Some(mut work) = own {
            work();
        }
        // What one of them panics with is told, not that one did.
        for work in others {
            work.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
    });
    Tensor::from_slice(&values).view([-1, size[1], size[2], 3]).permute([0, 3, 1, 2])
}

/// One picture, bytes `[height, width, 3]`, changed.
fn follow(change: &Change, draws: &Draws, bytes: &[u8], planes: &mut Planes) {
    match &change.crop {
        Some(crop) => planes.load_crop(bytes, crop),
        None => planes.load(bytes),
    }
    if let Some(degrees) = change.rotate {
        planes.rotate(degrees);
    }
    if change.flip {
        planes.flip();
    }
    change.jitter.iter().flatten().for_each(|step| planes.recolour(*step));
    if change.grey {
        planes.grey();
    }
    if let Some(sigma) = change.blur {
        planes.blur(draws.blur_kernel, sigma);
    }
    if change.solarise {
        planes.solarise(draws.solarise_above);
    }
}
