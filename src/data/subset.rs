//! Parts and views of a data set: fewer pictures, classes in groups.

use super::{Dataset, Split};
use crate::experiment::ClassMap;

impl Dataset {
    /// Only `images` training pictures: of each class the first in the file, of all classes as many (what doesn't divide
    /// goes to the lower labels). A class that has fewer gives what it has. The order of the file stays; 0 = all.
    #[must_use]
    pub fn first(mut self, images: u32) -> Self {
        if images == 0 || self.classes.is_empty() {
            return self;
        }
        let (images, classes) = (images as usize, self.classes.len());
        let mut left: Vec<usize> =
            (0..classes).map(|class| images / classes + usize::from(class < images % classes)).collect();
        let keep = |label: &u16| {
            let left = &mut left[usize::from(*label)];
            let keep = *left > 0;
            *left -= usize::from(keep);
            keep
        };
        let kept: Vec<bool> = self.train.labels.iter().map(keep).collect();
        self.train = self.train.only(&kept, self.height * self.width * 3);
        self
    }

    /// The same pictures with the classes that `map` makes of its own.
    ///
    /// # Errors
    /// Where the groups don't part the classes there are; says which.
    pub fn grouped(mut self, map: &ClassMap) -> Result<Self, String> {
        let (names, places) = map.groups(&self.classes)?;
        for label in self.train.labels.iter_mut().chain(&mut self.test.labels) {
            *label = places[usize::from(*label)] as u16;
        }
        self.classes = names;
        Ok(self)
    }

    /// Training pictures of each class.
    pub fn balance(&self) -> Vec<u64> {
        let mut counts = vec![0; self.classes.len()];
        self.train.labels.iter().for_each(|label| counts[usize::from(*label)] += 1);
        counts
    }
}

impl Split {
    /// The pictures, of `bytes` bytes each, for which `kept` is true.
    fn only(self, kept: &[bool], bytes: usize) -> Self {
        let mut part = Self::default();
        for ((keep, label), image) in kept.iter().zip(self.labels).zip(self.images.chunks_exact(bytes)) {
            if *keep {
                part.labels.push(label);
                part.images.extend_from_slice(image);
            }
        }
        part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pictures of one pixel that tell their place, in classes `a`, `b`, `c`.
    fn dataset(labels: &[u16]) -> Dataset {
        let images = (0..labels.len() as u8).flat_map(|place| [place, 0, 255]).collect();
        let train = Split { images, labels: labels.to_vec() };
        let classes = ["a", "b", "c"].map(str::to_owned).to_vec();
        Dataset { name: "images".into(), classes, height: 1, width: 1, test: train.clone(), train }
    }

    fn places(split: &Split) -> Vec<u8> {
        split.images.chunks_exact(3).map(|pixel| pixel[0]).collect()
    }

    #[test]
    fn the_first_of_every_class_stay_in_the_order_of_the_file() {
        let whole = dataset(&[2, 0, 0, 1, 2, 0, 1, 2, 1]);
        let five = whole.clone().first(5);
        assert_eq!(five.train.labels, [2, 0, 0, 1, 1]);
        assert_eq!(places(&five.train), [0, 1, 2, 3, 6]);
        assert_eq!(five.balance(), [2, 2, 1]);
        assert_eq!(five.test, whole.test, "the test set stays whole");
        assert_eq!(whole.clone().first(0), whole);
        assert_eq!(whole.clone().first(1_000), whole);
        assert_eq!(whole.first(1).balance(), [1, 0, 0]);
        assert_eq!(dataset(&[0, 0, 0, 1]).first(3).balance(), [1, 1, 0], "no class makes up for another");
    }

    #[test]
    fn groups_relabel_both_splits() {
        let groups =
            |text: &str| -> ClassMap { toml::from_str::<toml::Table>(text).unwrap()["m"].clone().try_into().unwrap() };
        let map = groups("m = { rest = [\"*\"], only = [\"b\"] }");
        let grouped = dataset(&[2, 0, 1, 1]).grouped(&map).unwrap();
        assert_eq!(grouped.classes, ["rest", "only"]);
        assert_eq!((&grouped.train.labels, &grouped.test.labels), (&vec![0, 0, 1, 1], &vec![0, 0, 1, 1]));
        assert_eq!(grouped.balance(), [2, 2]);
        assert_eq!(places(&grouped.train), [0, 1, 2, 3]);
        assert_eq!(dataset(&[1]).grouped(&ClassMap::All).unwrap(), dataset(&[1]));
        let error = dataset(&[0]).grouped(&groups("m = { x = [\"d\"], y = [\"*\"] }")).unwrap_err();
        assert!(error.contains("`d`") && error.contains("a, b, c"), "{error}");
    }
}
