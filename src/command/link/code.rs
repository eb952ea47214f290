//! A short link as a QR code (ISO/IEC 18004) in a PNG file.

use std::{fs::File, io::BufWriter, path::Path};

use anyhow::Context as _;
use qrcode::{Color, EcLevel, QrCode};

/// Light modules around the code, as the standard asks for.
const QUIET: usize = 4;
/// Pixels of a module's side: 2.5 cm of paper at 300 dpi for the usual code.
const PIXELS: usize = 8;

/// Black and white, a byte a pixel, in rows from the top.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) side_px: usize,
    pub(super) pixels: Vec<u8>,
}

/// Draws a text with error correction level M, which bears with 15 % of damage.
pub(super) fn draw(text: &str) -> anyhow::Result<Picture> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M)
        .context("the address is too long for a QR code")?;
    let modules = code.width();
    let side_px = (modules + 2 * QUIET) * PIXELS;
    let is_dark = |pixel: usize| -> bool {
        let [x, y] = [pixel % side_px, pixel / side_px].map(|at| (at / PIXELS).wrapping_sub(QUIET));
        x < modules && y < modules && code[(x, y)] == Color::Dark
    };
    let pixels = (0..side_px * side_px).map(|pixel| if is_dark(pixel) { 0 } else { 255 }).collect();
    Ok(Picture { side_px, pixels })
}

/// Writes a picture.
pub(super) fn write(picture: &Picture, path: &Path) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    let file = BufWriter::new(File::create(path).with_context(cannot)?);
    let side = u32::try_from(picture.side_px)?;
    let mut encoder = png::Encoder::new(file, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().with_context(cannot)?;
    writer.write_image_data(&picture.pixels).with_context(cannot)?;
    writer.finish().with_context(cannot)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> (u32, String) {
        let mut reader =
            png::Decoder::new(std::io::BufReader::new(File::open(path).unwrap())).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let side = reader.next_frame(&mut pixels).unwrap().width as usize;
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(side, side, |x, y| pixels[y * side + x]);
        let grids = image.detect_grids();
        let (meta, text) = grids[0].decode().unwrap();
        // Of level M, as the standard numbers it.
        assert_eq!(meta.ecc_level, 0);
        (u32::try_from(meta.version.to_size()).unwrap(), text)
    }

    #[test]
    fn a_code_is_read_back_and_capitals_make_it_smaller() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("code.png");
        let upper = format!("HTTPS://S.EXAMPLE.COM/R/{}", "0123456789ABCDEFGHJKMNPQRS");
        let modules = |text: &str| {
            write(&draw(text).unwrap(), &path).unwrap();
            let (modules, found) = read(&path);
            assert_eq!(found, text);
            modules
        };
        assert_eq!([modules(&upper), modules(&upper.to_ascii_lowercase())], [29, 33]);
    }
}
