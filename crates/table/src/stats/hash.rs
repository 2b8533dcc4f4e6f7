//! One 64-bit hash of bytes and numbers, the same on every machine and in every version.
//!
//! FNV-1a followed by the finaliser of SplitMix64, which spreads the input over all bits. Fast on
//! short text; not made to stand up to someone who looks for collisions.

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// Hash of a byte string.
pub(crate) fn hash_bytes(bytes: &[u8]) -> u64 {
    mix(bytes.iter().fold(FNV_OFFSET, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME)))
}

/// Spreads 64 bits over 64 bits, one to one (the finaliser of SplitMix64, Steele et al. 2014).
pub fn mix(bits: u64) -> u64 {
    let bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stored files depend on these figures, which were computed outside of this library.
    #[test]
    fn hashes_never_change() {
        for (bits, hash) in [
            (0, 0xe220_a839_7b1d_cdaf),
            (1, 0x910a_2dec_8902_5cc1),
            (2, 0x9758_35de_1c97_56ce),
            (1 << 63, 0x481e_c0a2_12a9_f3db),
            (u64::MAX, 0xe4d9_7177_1b65_2c20),
        ] {
            assert_eq!(mix(bits), hash, "{bits}");
        }
        let every_byte: Vec<u8> = (0..=255).collect();
        for (bytes, hash) in [
            (&b""[..], 0xc381_7c01_6ba4_ff30),
            (b"a", 0x5f29_c2aa_dd9b_8527),
            (b"ab", 0xac88_143b_4475_6305),
            (b"ba", 0x6156_72a6_b0ef_0ac5),
            (b"tabgraft", 0x7c3d_16ee_ed69_082f),
            ("größe".as_bytes(), 0xa9b5_4142_5f6e_8284),
            (&every_byte, 0xf824_7f1d_ef37_cd96),
        ] {
            assert_eq!(hash_bytes(bytes), hash, "{bytes:?}");
        }
    }
}
