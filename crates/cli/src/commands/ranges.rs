//! `wisp inspect FILE.json`: what a calibration found out, tensor by tensor.

use crate::output;
use anyhow::Result;
use std::path::Path;
use wisp_compiler::{Range, Ranges};

/// Prints a ranges file: as a table, or as it is in one line.
pub fn inspect(path: &Path, json: bool) -> Result<()> {
    let ranges = Ranges::read(path)?;
    if json {
        return output::json(&ranges);
    }
    output::line(format_args!(
        "{} · ranges from {} pictures · mean divergence at the output {:.2e} nats{}",
        ranges.model,
        ranges.pictures,
        ranges.mean_kl,
        if ranges.equalised { " · equalised" } else { "" }
    ))?;
    output::line("")?;
    let name = ranges.tensors.iter().map(|range| range.tensor.chars().count()).max().unwrap_or(0).max(6);
    output::line(format_args!(
        "{:name$}  {:>12}  {:>12}  {:10}  signal/noise",
        "tensor", "from", "to", "method"
    ))?;
    for Range { tensor, lo, hi, method, snr, .. } in &ranges.tensors {
        // A pool has the bytes of what it reads.
        let snr = snr.map_or("–".into(), |snr| format!("{snr:.1} dB"));
        output::line(format_args!("{tensor:name$}  {lo:>12.4}  {hi:>12.4}  {method:10}  {snr:>12}"))?;
    }
    Ok(())
}
