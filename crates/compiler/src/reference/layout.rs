//! Between our order of values (rows, columns, channels) and that of ONNX (channels, rows, columns).

/// Reorders a picture of `channels` values a pixel to planes, as ONNX has it.
pub fn to_planes(pixels: &[f32], channels: usize) -> Vec<f32> {
    let mut planes = Vec::with_capacity(pixels.len());
    for channel in 0..channels {
        planes.extend(pixels.iter().skip(channel).step_by(channels.max(1)));
    }
    planes
}

/// Reorders planes to a picture of `channels` values a pixel.
pub fn to_pixels(planes: &[f32], channels: usize) -> Vec<f32> {
    let area = planes.len().checked_div(channels).unwrap_or(0);
    let mut pixels = Vec::with_capacity(planes.len());
    for pixel in 0..area {
        pixels.extend(planes.iter().skip(pixel).step_by(area));
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let pixels = [0., 10., 20., 1., 11., 21.];
        let planes = [0., 1., 10., 11., 20., 21.];
        assert_eq!(to_planes(&pixels, 3), planes);
        assert_eq!(to_pixels(&planes, 3), pixels);
        assert!(to_planes(&[], 3).is_empty());
        assert!(to_pixels(&[], 0).is_empty());
    }
}
