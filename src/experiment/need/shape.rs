//! A network by arithmetic: how many weights it has and how much a training step keeps of one picture. The trainer's
//! `network.rs` builds the same; the tests of both name the same numbers.

use crate::experiment::{Arch, Head, Stem};

/// A network's body, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape {
    /// Trainable numbers.
    pub parameters: u64,
    /// Running statistics of batch norms.
    pub statistics: u64,
    /// Length of the features.
    pub width: u64,
    /// Numbers of one picture that a training step keeps for the way back.
    pub kept: u64,
    /// Places remembered by poolings, 8 bytes each.
    pub places: u64,
    /// Numbers that one more copy of every convolution's output has: batch norms in parts are put together again.
    pub copies: u64,
    /// Numbers in the largest output of a layer.
    pub largest: u64,
}

/// Output channels of a bottleneck block over its width.
const EXPANSION: u64 = 4;

/// Blocks of each stage, the width of the first, and whether blocks are bottlenecks; none of the plain network.
fn plan(arch: Arch) -> Option<(&'static [u64], u64, bool)> {
    match arch {
        Arch::Cnn => None,
        Arch::Resnet8 => Some((&[1, 1, 1], 16, false)),
        Arch::Resnet20 => Some((&[3, 3, 3], 16, false)),
        Arch::Resnet32 => Some((&[5, 5, 5], 16, false)),
        Arch::Resnet56 => Some((&[9, 9, 9], 16, false)),
        Arch::Resnet18 => Some((&[2, 2, 2, 2], 64, false)),
        Arch::Resnet34 => Some((&[3, 4, 6, 3], 64, false)),
        Arch::Resnet50 => Some((&[3, 4, 6, 3], 64, true)),
    }
}

impl Shape {
    /// The body of `arch` for pictures of `size`, height and width, without what follows the features.
    pub fn of(arch: Arch, stem: Stem, size: (u64, u64)) -> Self {
        let mut tally = Tally { shape: Self::default(), channels: 3, size };
        tally.shape.kept = 3 * size.0 * size.1;
        match plan(arch) {
            None => [32, 64, 128].into_iter().for_each(|width| tally.plain(width)),
            Some((blocks, width, bottleneck)) => tally.residual(blocks, (width, bottleneck), stem),
        }
        tally.shape.width = tally.channels;
        tally.shape
    }

    /// Weights of a head on these features.
    pub fn head(&self, head: Head, hidden: u64, outputs: u64) -> u64 {
        match head {
            Head::Linear => (self.width + 1) * outputs,
            Head::Mlp => (self.width + 1) * hidden + (hidden + 1) * outputs,
        }
    }
}

/// A walk through the layers.
struct Tally {
    shape: Shape,
    channels: u64,
    size: (u64, u64),
}

impl Tally {
    /// Numbers in what `channels` maps of this size hold.
    fn maps(&self, channels: u64) -> u64 {
        channels * self.size.0 * self.size.1
    }

    fn shrink(&mut self, stride: u64) {
        self.size = (self.size.0.div_ceil(stride), self.size.1.div_ceil(stride));
    }

    /// A convolution of `from` to `to` channels with its batch norm; its output is kept, and what a rectifier makes of it.
    fn unit(&mut self, (from, to): (u64, u64), kernel: u64, rectified: bool) {
        let output = self.maps(to);
        self.shape.parameters += from * to * kernel * kernel + 2 * to;
        self.shape.statistics += 2 * to;
        self.shape.kept += output * if rectified { 2 } else { 1 };
        self.shape.copies += output;
        self.shape.largest = self.shape.largest.max(output);
    }

    /// Convolution with bias, a rectifier in place, 2x2 pooling.
    fn plain(&mut self, width: u64) {
        self.shape.parameters += self.channels * width * 9 + width;
        let output = self.maps(width);
        self.size = (self.size.0 / 2, self.size.1 / 2);
        self.shape.kept += output + self.maps(width);
        self.shape.places += self.maps(width);
        self.shape.largest = self.shape.largest.max(output);
        self.channels = width;
    }

    fn residual(&mut self, blocks: &[u64], (width, bottleneck): (u64, bool), stem: Stem) {
        let large = stem == Stem::Imagenet && width == 64;
        if large {
            self.shrink(2);
        }
        self.unit((3, width), if large { 7 } else { 3 }, true);
        self.channels = width;
        if large {
            self.shrink(2);
            self.shape.kept += self.maps(width);
            self.shape.places += self.maps(width);
        }
        for (stage, count) in blocks.iter().enumerate() {
            for index in 0..*count {
                let stride = if stage > 0 && index == 0 { 2 } else { 1 };
                self.block(width << stage, stride, bottleneck);
            }
        }
    }

    fn block(&mut self, width: u64, stride: u64, bottleneck: bool) {
        let (from, to) = (self.channels, if bottleneck { width * EXPANSION } else { width });
        if bottleneck {
            self.unit((from, width), 1, true);
            self.shrink(stride);
            self.unit((width, width), 3, true);
            self.unit((width, to), 1, true);
        } else {
            self.shrink(stride);
            self.unit((from, to), 3, true);
            self.unit((to, to), 3, true);
        }
        if from != to || stride != 1 {
            self.unit((from, to), 1, false);
        }
        self.channels = to;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classifier(arch: Arch, stem: Stem, classes: u64) -> u64 {
        let shape = Shape::of(arch, stem, (32, 32));
        shape.parameters + shape.head(Head::Linear, 0, classes)
    }

    #[test]
    fn the_networks_have_the_sizes_that_the_trainer_builds() {
        let expected = [
            (Arch::Resnet18, 11_173_962),
            (Arch::Resnet34, 21_282_122),
            (Arch::Resnet50, 23_520_842),
            (Arch::Resnet8, 78_042),
            (Arch::Resnet20, 272_474),
            (Arch::Resnet32, 466_906),
            (Arch::Resnet56, 855_770),
            (Arch::Cnn, 94_538),
        ];
        for (arch, count) in expected {
            assert_eq!(classifier(arch, Stem::Cifar, 10), count, "{arch}");
        }
        let imagenet =
            [Arch::Resnet18, Arch::Resnet34, Arch::Resnet50].map(|arch| classifier(arch, Stem::Imagenet, 1000));
        assert_eq!(imagenet, [11_689_512, 21_797_672, 25_557_032]);
        assert_eq!(classifier(Arch::Resnet8, Stem::Imagenet, 10), 78_042, "the small networks have one stem");
    }

    #[test]
    fn what_is_kept_of_a_picture_is_the_sum_over_the_layers() {
        // The plain network by hand: the picture, then each layer's output and its pooled quarter.
        let cnn = Shape::of(Arch::Cnn, Stem::Cifar, (32, 32));
        let outputs = 32 * 1024 + 64 * 256 + 128 * 64;
        assert_eq!((cnn.kept, cnn.places), (3072 + outputs + outputs / 4, outputs / 4));
        assert_eq!((cnn.width, cnn.largest, cnn.statistics), (128, 32 * 1024, 0));
        // ResNet-8: 3 units of 16x32x32, 2 of 32x16x16, 2 of 64x8x8, each twice; two shortcuts once.
        let small = Shape::of(Arch::Resnet8, Stem::Cifar, (32, 32));
        let (a, b, c) = (16 * 1024, 32 * 256, 64 * 64);
        assert_eq!(small.kept, 3072 + 2 * (3 * a + 2 * b + 2 * c) + b + c);
        assert_eq!((small.copies, small.width), (3 * a + 3 * b + 3 * c, 64));
        assert_eq!(small.statistics, 2 * (3 * 16 + 3 * 32 + 3 * 64));
        // A stem of stride 4 in all leaves a sixteenth of the places.
        let [full, quarter] = [Stem::Cifar, Stem::Imagenet].map(|stem| Shape::of(Arch::Resnet50, stem, (64, 64)));
        assert!(full.kept > 12 * quarter.kept && full.kept < 20 * quarter.kept, "{} {}", full.kept, quarter.kept);
        assert_eq!((full.width, full.largest), (2048, 256 * 4096));
    }

    #[test]
    fn no_size_of_pictures_is_too_small() {
        for arch in [Arch::Cnn, Arch::Resnet8, Arch::Resnet50] {
            for stem in [Stem::Cifar, Stem::Imagenet] {
                for side in 0..20 {
                    let _ = Shape::of(arch, stem, (side, side));
                }
            }
        }
    }
}
