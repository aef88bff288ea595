//! The steps of a curve's points: rising whole numbers, mostly evenly spaced, so that a stretch costs three numbers
//! whatever its length.

/// Rising steps.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Steps {
    strides: Vec<Stride>,
    count: usize,
}

/// Evenly spaced steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stride {
    /// Place of the first among all steps.
    pub at: usize,
    /// The first step.
    pub first: u64,
    /// From one to the next; 0 where there is only one.
    pub by: u64,
}

impl Steps {
    /// Steps that were taken apart by [`Steps::strides`]; none where they don't rise.
    pub fn from_strides(strides: Vec<Stride>, count: usize) -> Option<Self> {
        let steps = Self { strides, count };
        let mut before: Option<u64> = None;
        for (number, stride) in steps.strides.iter().enumerate() {
            let members = steps.end(number).checked_sub(stride.at).filter(|members| *members > 0)?;
            let rises = before.is_none_or(|before| before < stride.first) && (stride.by > 0) == (members > 1);
            let last = stride.by.checked_mul(members as u64 - 1).and_then(|way| stride.first.checked_add(way));
            before = Some(last.filter(|_| rises)?);
        }
        let whole = steps.strides.first().map_or(count == 0, |first| first.at == 0);
        whole.then_some(steps)
    }

    /// All stretches in order.
    pub fn strides(&self) -> &[Stride] {
        &self.strides
    }

    /// Adds a step after the last.
    pub fn push(&mut self, step: u64) {
        let at = self.count;
        self.count += 1;
        if let Some(stride) = self.strides.last_mut() {
            let members = (at - stride.at) as u64;
            if members == 1 {
                stride.by = step - stride.first;
                return;
            }
            if stride.by.checked_mul(members).and_then(|way| stride.first.checked_add(way)) == Some(step) {
                return;
            }
        }
        self.strides.push(Stride { at, first: step, by: 0 });
    }

    /// Keeps the first `count`.
    pub fn truncate(&mut self, count: usize) {
        if count < self.count {
            self.count = count;
            self.strides.truncate(self.strides.partition_point(|stride| stride.at < count));
            if let Some(stride) = self.strides.last_mut().filter(|stride| count - stride.at == 1) {
                stride.by = 0;
            }
        }
    }

    /// The step at a place that is there.
    pub fn get(&self, at: usize) -> u64 {
        let number = self.strides.partition_point(|stride| stride.at <= at).saturating_sub(1);
        let stride = &self.strides[number];
        stride.first + stride.by * (at - stride.at) as u64
    }

    /// How many are before `step`.
    pub fn before(&self, step: u64) -> usize {
        step.checked_sub(1).map_or(0, |last| self.up_to(last))
    }

    /// How many are not after `step`.
    pub fn up_to(&self, step: u64) -> usize {
        let Some(number) = self.strides.partition_point(|stride| stride.first <= step).checked_sub(1) else { return 0 };
        let stride = &self.strides[number];
        let members = (step - stride.first).checked_div(stride.by).map_or(1, |more| more as usize + 1);
        (stride.at + members).min(self.end(number))
    }

    /// The place after the last member of a stretch.
    fn end(&self, number: usize) -> usize {
        self.strides.get(number + 1).map_or(self.count, |next| next.at)
    }

    /// Gives back memory that was held for more.
    pub fn shrink(&mut self) {
        self.strides.shrink_to_fit();
    }
}
