use std::collections::HashMap;

/// One of the colours that services are drawn in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hue {
    pub(crate) rgb: [u8; 3],
    /// The nearest of the 256 indexed colours.
    pub(crate) indexed: u8,
}

const fn hue(red: u8, green: u8, blue: u8, indexed: u8) -> Hue {
    Hue {
        rgb: [red, green, blue],
        indexed,
    }
}

/// Found by search: the twelve colours farthest apart in OKLab, the nearest pair of them, with full
/// and with red-, green- or blue-blind sight, that can be read on black and on white. None is red.
pub(crate) const HUES: [Hue; 12] = [
    hue(45, 165, 210, 38),
    hue(210, 180, 0, 178),
    hue(120, 105, 195, 97),
    hue(0, 210, 120, 42),
    hue(240, 105, 255, 207),
    hue(120, 165, 30, 106),
    hue(180, 180, 225, 146),
    hue(15, 135, 105, 29),
    hue(195, 120, 165, 139),
    hue(165, 45, 240, 129),
    hue(135, 120, 15, 100),
    hue(210, 15, 165, 163),
];

/// Gives each service a hue by a hash of its name. Where two would share one, the later by name
/// takes the next free hue, so that up to twelve services in a drawing differ.
pub(crate) fn by_service<'a>(services: &[&'a str]) -> HashMap<&'a str, Hue> {
    let mut names = services.to_vec();
    names.sort_unstable();
    names.dedup();
    let mut taken = [false; HUES.len()];
    let mut hues = HashMap::with_capacity(names.len());
    for name in names {
        let wished = (fnv1a(name.as_bytes()) % HUES.len() as u64) as usize;
        let free = (0..HUES.len())
            .map(|step| (wished + step) % HUES.len())
            .find(|&place| !taken[place]);
        let place = free.unwrap_or(wished);
        taken[place] = true;
        hues.insert(name, HUES[place]);
    }
    hues
}

/// FNV-1a, 64 bits: the same on every machine and in every version.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Linear RGB as seen with full sight, and with red-, green- and blue-blindness
    /// (Machado, Oliveira and Fernandes 2009, severity 1).
    const SIGHTS: [[[f64; 3]; 3]; 4] = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ],
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ],
    ];

    fn apply(matrix: &[[f64; 3]; 3], v: [f64; 3]) -> [f64; 3] {
        matrix.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
    }

    fn linear(rgb: [u8; 3]) -> [f64; 3] {
        rgb.map(|channel| {
            let c = f64::from(channel) / 255.0;
            if c <= 0.04045 {
                c / 12.92
            } else {
                ((c + 0.055) / 1.055).powf(2.4)
            }
        })
    }

    fn oklab(linear: [f64; 3]) -> [f64; 3] {
        let lms = [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ];
        let lab = [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ];
        apply(&lab, apply(&lms, linear).map(|c| c.max(0.0).cbrt()))
    }

    #[test]
    fn every_two_hues_differ_whatever_the_sight() {
        for sight in &SIGHTS {
            let seen = HUES.map(|hue| {
                oklab(apply(sight, linear(hue.rgb)).map(|channel| channel.clamp(0.0, 1.0)))
            });
            for (place, a) in seen.iter().enumerate() {
                for b in &seen[place + 1..] {
                    let distance: f64 = (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f64>().sqrt();
                    assert!(distance > 0.07, "{distance}");
                }
            }
        }
    }

    #[test]
    fn every_hue_can_be_read_and_none_is_red() {
        for hue in HUES {
            let luminance = apply(&[[0.2126, 0.7152, 0.0722]; 3], linear(hue.rgb))[0];
            assert!((luminance + 0.05) / 0.05 > 4.0, "{hue:?} on black");
            assert!(1.05 / (luminance + 0.05) > 1.9, "{hue:?} on white");
            let [_, a, b] = oklab(linear(hue.rgb));
            let angle = b.atan2(a).to_degrees();
            assert!(!(-15.0..=45.0).contains(&angle), "{hue:?} is red: {angle}");
        }
        let mut indexed = HUES.map(|hue| hue.indexed);
        indexed.sort_unstable();
        assert!(indexed.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn a_service_keeps_its_hue() {
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        for name in ["shop", "pay", "", "日本"] {
            let alone = by_service(&[name])[name];
            assert_eq!(alone, by_service(&[name, name])[name]);
        }
    }

    #[test]
    fn up_to_twelve_services_differ() {
        let names: Vec<String> = (0..13).map(|number| format!("service-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let hues = by_service(&names[..12]);
        for hue in HUES {
            assert!(hues.values().any(|&taken| taken == hue));
        }
        assert_eq!(by_service(&names).len(), 13);
    }
}
