//! What a training may take, and what computes it.

use bytesize::ByteSize;
use clap::{Args, ValueEnum};
use tabgraft_model::Device;

/// Memory and device of a training.
#[derive(Debug, Clone, Copy, Args)]
pub struct ComputeArgs {
    /// Most memory of the training, such as 800MB or 2GB: steps are halved to keep within it [default: no limit]
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    pub memory_limit: Option<u64>,
    /// What trains; vectors and predictions are computed on the processor in any case
    #[arg(long, value_enum, default_value_t)]
    device: DeviceFlag,
}

impl ComputeArgs {
    /// The device that is asked for.
    pub fn device(self) -> Device {
        match self.device {
            DeviceFlag::Cpu => Device::Cpu,
            DeviceFlag::Gpu => Device::Gpu,
            DeviceFlag::Auto => Device::Auto,
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
pub(super) fn parse_bytes(text: &str) -> Result<u64, String> {
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
