//! Which red, green and blue a camera's luma and chroma stand for.

use crate::kernels::yuv::{BITS, Matrix};

/// The standard by which luma and chroma were made of colours, and the range of bytes that they take.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// ITU-R BT.601, luma 16 to 235 and chroma 16 to 240: what cameras deliver unless they say otherwise.
    #[default]
    Bt601,
    /// ITU-R BT.601, luma and chroma 0 to 255, as in JPEG.
    Bt601Full,
    /// ITU-R BT.709, luma 16 to 235 and chroma 16 to 240: most video in HD.
    Bt709,
    /// ITU-R BT.709, luma and chroma 0 to 255.
    Bt709Full,
}

impl Colour {
    /// The factors, each rounded once.
    pub(super) const fn matrix(self) -> Matrix {
        match self {
            Self::Bt601 => const { scaled(0.299, 0.114, false) },
            Self::Bt601Full => const { scaled(0.299, 0.114, true) },
            Self::Bt709 => const { scaled(0.2126, 0.0722, false) },
            Self::Bt709Full => const { scaled(0.2126, 0.0722, true) },
        }
    }
}

/// From the shares of red and blue in luma: both standards write `Y = kr·R + kg·G + kb·B`,
/// `U = (B − Y) / (2 − 2·kb)` and `V = (R − Y) / (2 − 2·kr)`, here solved for red, green and blue.
const fn scaled(kr: f64, kb: f64, full: bool) -> Matrix {
    let (luma, chroma) = if full { (1.0, 1.0) } else { (255.0 / 219.0, 255.0 / 224.0) };
    let kg = 1.0 - kr - kb;
    let (red_v, blue_u) = (2.0 * (1.0 - kr) * chroma, 2.0 * (1.0 - kb) * chroma);
    Matrix {
        black: if full { 0 } else { 16 },
        luma: fixed(luma),
        red_v: fixed(red_v),
        green_u: fixed(-blue_u * kb / kg),
        green_v: fixed(-red_v * kr / kg),
        blue_u: fixed(blue_u),
    }
}

const fn fixed(factor: f64) -> i16 {
    let steps = factor * (1 << BITS) as f64;
    (if steps < 0.0 { steps - 0.5 } else { steps + 0.5 }) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of `docs/vision.md`.
    #[test]
    fn factors_are_those_of_the_documentation() {
        let factors = |colour: Colour| {
            let Matrix { black, luma, red_v, green_u, green_v, blue_u } = colour.matrix();
            (black, luma, red_v, green_u, green_v, blue_u)
        };
        assert_eq!(factors(Colour::Bt601), (16, 9539, 13075, -3209, -6660, 16525));
        assert_eq!(factors(Colour::Bt601Full), (0, 8192, 11485, -2819, -5850, 14516));
        assert_eq!(factors(Colour::Bt709), (16, 9539, 14686, -1747, -4366, 17305));
        assert_eq!(factors(Colour::Bt709Full), (0, 8192, 12901, -1535, -3835, 15201));
    }
}
