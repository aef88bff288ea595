//! What is wrong with a GPU, and why it is slower than it could be, in words that say what to do.

use serde::Serialize;

/// What a GPU's driver says of its health. Zero, false or none is well, or not known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Health {
    /// Why it can't be reached.
    pub lost: Option<String>,
    /// Memory errors since the driver was loaded that were mended; none without ECC.
    pub corrected: Option<u64>,
    /// Memory errors since the driver was loaded that could not be mended; none without ECC.
    pub uncorrected: Option<u64>,
    /// Bad memory waits for a reset to be replaced.
    pub waits: bool,
    /// Bad memory could not be replaced.
    pub worn: bool,
    /// What the driver asks for.
    pub wanted: Wanted,
}

/// What a driver wants done before a GPU is used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Wanted {
    /// Nothing.
    #[default]
    Nothing,
    /// A reset.
    Reset,
    /// A restart of the machine.
    Restart,
    /// That nobody uses its links to other GPUs, or anybody it, until it is reset.
    Drain,
}

impl Wanted {
    /// `nvmlDeviceGpuRecoveryAction_t` as a number.
    pub(super) fn of(action: u64) -> Self {
        match action {
            1 => Self::Reset,
            2 => Self::Restart,
            3 | 4 => Self::Drain,
            _ => Self::Nothing,
        }
    }
}

impl Health {
    /// A sentence for each thing that is wrong.
    pub(super) fn troubles(&self) -> Vec<String> {
        let mut troubles = Vec::new();
        troubles.extend(self.lost.as_ref().map(|why| format!("it can't be reached: {why}")));
        if let Some(count @ 1..) = self.uncorrected {
            let errors = if count == 1 { "error" } else { "errors" };
            troubles.push(format!("{count} memory {errors} that could not be mended: do not trust what ran here"));
        }
        if self.worn {
            troubles.push("bad memory could not be replaced: the card wants to be exchanged".to_owned());
        } else if self.waits {
            troubles.push("bad memory is replaced at its next reset".to_owned());
        }
        match self.wanted {
            Wanted::Nothing => {}
            Wanted::Reset => troubles.push("the driver asks for a reset of it".to_owned()),
            Wanted::Restart => troubles.push("the driver asks for a restart of the machine".to_owned()),
            Wanted::Drain => troubles.push("the driver asks that it is left and then reset".to_owned()),
        }
        troubles
    }
}

/// Why a GPU runs slower than it could.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Slowed {
    /// It draws what it may: as it should be under full load.
    Power,
    /// It, or its memory, is too hot.
    Heat,
    /// The power supply asks for it.
    Supply,
    /// Its hardware slows it for a reason that it doesn't give: heat, or a supply that is too weak.
    Hardware,
}

impl Slowed {
    /// A sentence, unless it is as it should be.
    pub(super) fn trouble(self) -> Option<String> {
        let text = match self {
            Self::Power => return None,
            Self::Heat => "slowed by heat: look to its cooling",
            Self::Supply => "slowed by the power supply",
            Self::Hardware => "slowed by its hardware",
        };
        Some(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_and_what_is_well_is_not() {
        let well = Health { corrected: Some(12), uncorrected: Some(0), ..Health::default() };
        assert_eq!(well.troubles(), [""; 0], "mended errors are what ECC is for");
        let ill = Health {
            uncorrected: Some(2),
            waits: true,
            worn: true,
            wanted: Wanted::of(2),
            lost: Some("device fell off the bus".into()),
            ..Health::default()
        };
        assert_eq!(
            ill.troubles(),
            [
                "it can't be reached: device fell off the bus",
                "2 memory errors that could not be mended: do not trust what ran here",
                "bad memory could not be replaced: the card wants to be exchanged",
                "the driver asks for a restart of the machine",
            ]
        );
        assert_eq!([0, 1, 3, 99].map(Wanted::of), [Wanted::Nothing, Wanted::Reset, Wanted::Drain, Wanted::Nothing]);
        assert_eq!((Slowed::Power.trouble(), Slowed::Heat.trouble().is_some()), (None, true));
    }
}
