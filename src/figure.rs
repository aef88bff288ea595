//! Figures for paper and web pages: drawn once, written as SVG or PNG. Letters are those of a font that comes along, so a
//! figure looks the same on every machine.

mod confusion;
mod curves;
mod scatter;
mod sheet;
#[cfg(test)]
mod tests;

pub use confusion::{SIZE as CONFUSION, confusion};
pub use curves::{Series, curves};
pub use scatter::map;
pub use sheet::sheet;

use crate::text::sanitize_lines;
use image::{
    ExtendedColorType, ImageEncoder,
    codecs::png::{CompressionType, FilterType, PngEncoder},
};
use plotters::coord::Shift;
use plotters::prelude::{
    BitMapBackend, DrawingArea, DrawingAreaErrorKind, DrawingBackend, IntoDrawingArea, RGBColor, SVGBackend, WHITE,
};
use plotters::style::{FontStyle, register_font};
use std::io;
use std::sync::Once;

/// The font, by the name that figures ask for.
const FONT: &str = "sans-serif";
/// Grey of axes and notes.
const GREY: RGBColor = RGBColor(110, 110, 110);
/// Tableau's ten colours, as matplotlib has them.
pub const COLOURS: [[u8; 3]; 10] = [
    [31, 119, 180],
    [255, 127, 14],
    [44, 160, 44],
    [214, 39, 40],
    [148, 103, 189],
    [140, 86, 75],
    [227, 119, 194],
    [127, 127, 127],
    [188, 189, 34],
    [23, 190, 207],
];

/// A figure, not yet drawn.
pub struct Figure {
    /// Across and down, in pixels.
    pub size: (u32, u32),
    drawing: Drawing,
}

enum Drawing {
    Confusion(confusion::Confusion),
    Curves(curves::Curves),
    Scatter(scatter::Scatter),
}

/// What a backend makes of drawing.
type Drawn<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

impl Figure {
    /// As SVG.
    ///
    /// # Panics
    /// Never: text in memory takes all that is drawn.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut text = String::new();
        self.draw(&SVGBackend::with_string(&mut text, self.size).into_drawing_area()).expect("memory takes all");
        // XML has no signs for most control characters, and a mark of direction would turn what stands beside it.
        sanitize_lines(&text)
    }

    /// As PNG.
    ///
    /// # Panics
    /// Never: memory takes all that is drawn.
    #[must_use]
    pub fn png(&self) -> Vec<u8> {
        let (width, height) = self.size;
        let mut pixels = vec![0; width as usize * height as usize * 3];
        self.draw(&BitMapBackend::with_buffer(&mut pixels, self.size).into_drawing_area()).expect("memory takes all");
        png(&pixels, self.size).expect("memory takes all")
    }

    /// Whether it has so many parts that pixels say the same in less.
    pub fn is_heavy(&self) -> bool {
        matches!(self.drawing, Drawing::Scatter(_))
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn<B> {
        static FONTS: Once = Once::new();
        FONTS.call_once(|| {
            let _ = register_font(FONT, FontStyle::Normal, include_bytes!("figure/DejaVuSans.ttf"));
        });
        area.fill(&WHITE)?;
        match &self.drawing {
            Drawing::Confusion(confusion) => confusion.draw(area),
            Drawing::Curves(curves) => curves.draw(area),
            Drawing::Scatter(scatter) => scatter.draw(area),
        }?;
        area.present()
    }
}

/// `pixels`, RGB row by row, as a PNG.
fn png(pixels: &[u8], (width, height): (u32, u32)) -> io::Result<Vec<u8>> {
    let mut png = Vec::new();
    PngEncoder::new_with_quality(&mut png, CompressionType::Default, FilterType::Adaptive)
        .write_image(pixels, width, height, ExtendedColorType::Rgb8)
        .map_err(io::Error::other)?;
    Ok(png)
}

/// The colour of the `place`th of several things; after ten they begin anew.
fn colour(place: usize) -> RGBColor {
    let [red, green, blue] = COLOURS[place % COLOURS.len()];
    RGBColor(red, green, blue)
}
