//! Flags of [`TrainingOptions`].

use bytesize::ByteSize;
use clap::{Args, ValueEnum};
use tabgraft_model::{Device, TrainingOptions};

/// How whatever a command trains is trained. The epochs stand with each command, which says its own default.
#[derive(Debug, Clone, Copy, Args)]
pub struct TrainingArgs {
    /// Run all epochs, even if the validation loss stops falling
    #[arg(long)]
    exact_epochs: bool,
    /// Rows of a step, 1 to 65536 [default: the parent's; of a first training 128 below 8000 training rows, 256
    /// below 100000, else 512]
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// Most memory of the command, such as 800MB or 2GB: of a table that does not fit, rows are drawn evenly, and told,
    /// and steps are halved to keep within it [default: no limit]
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    memory_limit: Option<u64>,
    /// What trains; vectors and predictions are computed on the processor in any case
    #[arg(long, value_enum, default_value_t)]
    device: DeviceFlag,
    /// Seed of new weights, order, masks and dropout
    #[arg(long, value_name = "N", default_value_t = TrainingOptions::DEFAULT.seed)]
    pub seed: u64,
}

impl TrainingArgs {
    /// As the core takes them; it checks the ranges.
    pub fn options(self, n_epochs: Option<usize>) -> TrainingOptions {
        TrainingOptions {
            n_epochs,
            auto_epochs: !self.exact_epochs,
            batch_size: self.batch_size,
            memory_limit: self.memory_limit,
            device: match self.device {
                DeviceFlag::Cpu => Device::Cpu,
                DeviceFlag::Gpu => Device::Gpu,
                DeviceFlag::Auto => Device::Auto,
            },
            seed: self.seed,
        }
    }
}

/// [`Device`] as a flag.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum DeviceFlag {
    /// The processor.
    #[default]
    Cpu,
    /// A GPU; an error if this build has no backend for one, or none answers.
    Gpu,
    /// A GPU if one answers and holds out, else the processor.
    Auto,
}

/// Parses `800MB`, `1.5 GB`, `2GiB` or `800000000`.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    match text.trim().parse::<ByteSize>() {
        Ok(ByteSize(n_bytes)) if n_bytes > 0 => Ok(n_bytes),
        _ => Err("a number of bytes is needed, such as 800MB, 1.5GB or 800000000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_units_or_none() {
        assert_eq!(parse_bytes("800MB"), Ok(800_000_000));
        assert_eq!(parse_bytes("1.5 gb"), Ok(1_500_000_000));
        assert_eq!((parse_bytes("12"), parse_bytes("12B"), parse_bytes("2kB")), (Ok(12), Ok(12), Ok(2000)));
        assert_eq!((parse_bytes("2GiB"), parse_bytes("1 MiB")), (Ok(2 << 30), Ok(1 << 20)));
        for wrong in ["", "MB", "0", "-3MB", "3 bananas", "é", "1e30GB", "NaN"] {
            assert!(parse_bytes(wrong).is_err(), "{wrong}");
        }
    }
}
