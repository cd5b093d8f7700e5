//! Camera pixels to red, green and blue, one pair of pixels at a time.

use crate::kernels::yuv::{BITS, Matrix, Row, Yuv};

pub(super) const YUV: Yuv = Yuv { name: "u8-yuv-generic", kernel: convert };

pub(in crate::kernels) fn convert(row: Row<'_>, matrix: &Matrix, out: &mut [u8]) {
    match row {
        Row::Yuyv(pairs) => {
            let (pairs, _) = pairs.as_chunks();
            each(pairs.iter().map(|&[first, u, second, v]| ([first, second], [u, v])), matrix, out);
        }
        Row::Nv12([y, uv]) => each(lumas(y).zip(uv.as_chunks().0.iter().copied()), matrix, out),
        Row::I420([y, u, v]) => {
            each(lumas(y).zip(u.iter().zip(v).map(|(u, v)| [*u, *v])), matrix, out);
        }
    }
}

/// Two lumas at a time; behind a last one alone, the second is not looked at.
fn lumas(y: &[u8]) -> impl Iterator<Item = [u8; 2]> {
    y.chunks(2).map(|pair| [pair[0], *pair.last().unwrap_or(&0)])
}

fn each(pairs: impl Iterator<Item = ([u8; 2], [u8; 2])>, matrix: &Matrix, out: &mut [u8]) {
    let (whole, rest) = out.as_chunks_mut::<6>();
    let mut pairs = pairs.map(|(lumas, chroma)| lumas.map(|luma| colour(matrix, luma, chroma)));
    for (out, [first, second]) in whole.iter_mut().zip(&mut pairs) {
        *out = [first[0], first[1], first[2], second[0], second[1], second[2]];
    }
    if let (Ok(out), Some([first, _])) = (<&mut [u8; 3]>::try_from(rest), pairs.next()) {
        *out = first;
    }
}

fn colour(matrix: &Matrix, luma: u8, [u, v]: [u8; 2]) -> [u8; 3] {
    let product = |factor: i16, value: u8| i32::from(factor) * i32::from(value);
    let luma = product(matrix.luma, luma);
    let offsets = matrix.offsets();
    [
        luma + product(matrix.red_v, v) + offsets[0],
        luma + product(matrix.green_u, u) + product(matrix.green_v, v) + offsets[1],
        luma + product(matrix.blue_u, u) + offsets[2],
    ]
    .map(|sum| (sum >> BITS).clamp(0, 255) as u8)
}
