//! How far a model's answers are those of a reference, picture by picture.
//!
//! Both models answer the same pictures, so what is compared is pairs: far fewer pictures tell two models
//! apart in this way than by their accuracies. The first class is the one with the highest score, and of
//! equal scores the one with the lowest index.

use serde::Serialize;
use wisp::vision::top_k;

/// So many best classes are looked at.
pub const BEST: usize = 5;

/// Scores that sum to one within this are taken for probabilities: half precision reaches it.
const SUM_TOLERANCE: f64 = 1e-3;

/// What a model says about a picture.
#[derive(Clone, Debug)]
pub struct Answer {
    pub scores: Vec<f32>,
    /// What the final softmax read, or the scores of a model that has no softmax.
    pub logits: Option<Vec<f32>>,
}

impl Answer {
    /// The best classes, best first.
    pub fn best(&self) -> Vec<usize> {
        top_k::<BEST>(&self.scores, BEST).iter().map(|class| class.index).collect()
    }

    /// Logarithms of the probabilities, if the answer tells them.
    fn log_probabilities(&self) -> Option<Vec<f64>> {
        let sum: f64 = self.scores.iter().copied().map(f64::from).sum();
        let are_shares = self.scores.iter().all(|&score| score >= 0.0) && (sum - 1.0).abs() <= SUM_TOLERANCE;
        match &self.logits {
            // Scores that are their own logits have come through no softmax: they may be shares already.
            Some(logits) if *logits != self.scores || !are_shares => Some(log_softmax(logits)),
            _ if are_shares => Some(self.scores.iter().map(|&score| (f64::from(score) / sum).ln()).collect()),
            _ => None,
        }
    }
}

/// `xᵢ − ln Σ exp(xⱼ)`, about the largest value, so that nothing overflows.
fn log_softmax(logits: &[f32]) -> Vec<f64> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let shifted = || logits.iter().map(|&logit| f64::from(logit) - f64::from(max));
    let normaliser = shifted().map(f64::exp).sum::<f64>().ln();
    shifted().map(|logit| logit - normaliser).collect()
}

/// KL(p ‖ q) in nats, from logarithms of probabilities; infinite where q rules out what p does not.
fn divergence(p: &[f64], q: &[f64]) -> f64 {
    // 0 · ln 0 is 0 here, and not the NaN that floats make of it.
    let possible = p.iter().zip(q).filter(|(p, _)| **p != f64::NEG_INFINITY);
    let sum: f64 = possible.map(|(p, q)| p.exp() * (p - q)).sum();
    // Equal answers may come out a rounding below zero.
    if sum < 0.0 { 0.0 } else { sum }
}

/// The largest difference of two models' logits, as a share of the range of `expected`.
fn logit_difference(values: &Answer, expected: &Answer) -> Option<f64> {
    let (values, expected) = (values.logits.as_ref()?, expected.logits.as_ref()?);
    let max = expected.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let min = expected.iter().copied().fold(f32::INFINITY, f32::min);
    let pairs = values.iter().zip(expected);
    let worst = pairs.map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max);
    (values.len() == expected.len()).then_some(worst / f64::from((max - min).max(f32::MIN_POSITIVE)))
}

/// The two-sided exact McNemar test: how likely it is that of so many pictures which only one of two equally
/// good models gets right, they would be shared out at least as unevenly as `gained` and `lost`.
pub fn mcnemar(gained: usize, lost: usize) -> f64 {
    let (total, fewer) = (gained + lost, gained.min(lost));
    // The binomial's term at `fewer`, by its logarithm: 2^−total is no float any more from 1075 on.
    let choose: f64 = (1..=fewer).map(|i| ((total - fewer + i) as f64 / i as f64).log2()).sum();
    let mut term = (choose - total as f64).exp2();
    let mut tail = 0.0;
    for i in (0..=fewer).rev() {
        tail += term;
        term *= i as f64 / (total - i + 1) as f64;
    }
    // Twice the tail counts the middle twice where both are equal.
    (2.0 * tail).min(1.0)
}

/// What has been counted over pairs of answers.
#[derive(Debug, Default)]
pub struct Pairs {
    count: usize,
    agreed: usize,
    agreed_with_ties: usize,
    /// Classes among the reference's best, and those of them among the model's.
    expected: usize,
    shared: usize,
    /// Sum of divergences; of no use once an answer told no probabilities.
    divergence: f64,
    without_probabilities: usize,
    gained: usize,
    lost: usize,
    /// Largest so far.
    difference: f64,
    without_logits: usize,
}

/// The figures of all pairs, as JSON has them: shares 0..1, and null where there is no reference or where a
/// figure is not defined.
#[derive(Debug, Default, Serialize)]
pub struct Agreement {
    /// Pictures with the same first class, and their share.
    pub agreement_count: Option<usize>,
    pub agreement: Option<f64>,
    /// Share of the pictures whose first class is among those to which the reference gives its highest score.
    pub agreement_with_ties: Option<f64>,
    /// Mean share of the reference's five best classes that are among the model's.
    pub top5_overlap: Option<f64>,
    /// Mean of KL(reference ‖ model) in nats.
    pub mean_kl: Option<f64>,
    /// Pictures whose first class is right with the model only, and with the reference only.
    pub gained: Option<usize>,
    pub lost: Option<usize>,
    pub mcnemar_p: Option<f64>,
    /// Largest difference of a logit, as a share of the range of the reference's.
    pub max_logit_difference: Option<f64>,
}

impl Pairs {
    /// Counts the answers to a picture whose right class is `class`.
    pub fn add(&mut self, answer: &Answer, reference: &Answer, class: usize) {
        let (best, expected) = (answer.best(), reference.best());
        let score = |class: Option<&usize>| class.and_then(|&class| reference.scores.get(class));
        let agreed = best.first() == expected.first();
        self.count += 1;
        self.agreed += usize::from(agreed);
        self.agreed_with_ties += usize::from(agreed || score(best.first()) == score(expected.first()));
        self.expected += expected.len();
        self.shared += expected.iter().filter(|class| best.contains(class)).count();
        match (reference.log_probabilities(), answer.log_probabilities()) {
            (Some(p), Some(q)) => self.divergence += divergence(&p, &q),
            _ => self.without_probabilities += 1,
        }
        match (best.first() == Some(&class), expected.first() == Some(&class)) {
            (true, false) => self.gained += 1,
            (false, true) => self.lost += 1,
            _ => {}
        }
        match logit_difference(answer, reference) {
            Some(difference) => self.difference = self.difference.max(difference),
            None => self.without_logits += 1,
        }
    }

    pub fn figures(&self) -> Agreement {
        let mean = |sum: f64| Some(sum / self.count.max(1) as f64);
        Agreement {
            agreement_count: Some(self.agreed),
            agreement: mean(self.agreed as f64),
            agreement_with_ties: mean(self.agreed_with_ties as f64),
            // Every picture has as many best classes, so this is the mean of the pictures' shares.
            top5_overlap: Some(self.shared as f64 / self.expected.max(1) as f64),
            mean_kl: mean(self.divergence).filter(|_| self.no_divergence().is_none()),
            gained: Some(self.gained),
            lost: Some(self.lost),
            mcnemar_p: Some(mcnemar(self.gained, self.lost)),
            max_logit_difference: (self.without_logits == 0).then_some(self.difference),
        }
    }

    /// Why the mean divergence is not defined, if it is not.
    pub fn no_divergence(&self) -> Option<&'static str> {
        if self.without_probabilities > 0 {
            Some("a model gives neither logits nor scores that sum to one")
        } else if self.divergence == f64::INFINITY {
            Some("the model rules out a class, with a score of 0, that the reference does not")
        } else if self.divergence.is_nan() {
            Some("a score is not a number")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer without a softmax.
    fn plain(scores: &[f32]) -> Answer {
        Answer { scores: scores.to_vec(), logits: Some(scores.to_vec()) }
    }

    fn pairs(pairs: &[(&[f32], &[f32], usize)]) -> Pairs {
        let mut counted = Pairs::default();
        for (answer, reference, class) in pairs {
            counted.add(&plain(answer), &plain(reference), *class);
        }
        counted
    }

    #[track_caller]
    fn close(found: Option<f64>, expected: f64) {
        let found = found.expect("a figure");
        assert!((found - expected).abs() <= 1e-12 * expected.abs().max(1.0), "{found}, not {expected}");
    }

    #[test]
    fn published_examples_of_mcnemars_test() {
        // Armitage and Berry, Statistical Methods in Medical Research, 3rd edition, 1994, page 127: two media
        // for a culture, 12 specimens grew on A only and 2 on B only; P = 0.0129 after Liddell.
        close(Some(mcnemar(12, 2)), 212.0 / 16384.0);
        // The vignette of the R package exact2x2 (M. P. Fay): 9 and 2, p-value = 0.06543.
        close(Some(mcnemar(9, 2)), 134.0 / 2048.0);
        close(Some(mcnemar(2, 9)), 134.0 / 2048.0);
    }

    #[test]
    fn mcnemar_at_its_ends() {
        for equal in [0, 1, 7, 5000] {
            assert_eq!(mcnemar(equal, equal), 1.0, "{equal}");
        }
        // One more on one side is no difference: both tails meet in the middle.
        close(Some(mcnemar(1000, 1001)), 1.0);
        close(Some(mcnemar(0, 1)), 1.0);
        close(Some(mcnemar(6, 0)), 2.0 / 64.0);
        close(Some(mcnemar(0, 1000) / 2.0_f64.powi(-999)), 1.0);
        assert_eq!(mcnemar(0, 100_000), 0.0);
        // Two standard deviations of a million, corrected for continuity: 2 Φ(−1.999).
        assert!((mcnemar(499_000, 501_000) - 0.0456).abs() < 1e-4);
    }

    #[test]
    fn agreement_overlap_and_what_was_gained() {
        let counted = pairs(&[
            // The same first class, right with both.
            (&[3.0, 1.0, 0.0, -1.0, -2.0, -3.0], &[2.0, 1.0, 0.0, -1.0, -2.0, -3.0], 0),
            // Another one: lost. The model's five best lack class 0, the reference's lack class 5.
            (&[-9.0, 1.0, 2.0, 3.0, 4.0, 5.0], &[5.0, 4.0, 3.0, 2.0, 1.0, -9.0], 0),
            // Gained; each lacks the other's first class.
            (&[0.0, 9.0, 1.0, 2.0, 3.0, 4.0], &[9.0, 0.0, 1.0, 2.0, 3.0, 4.0], 1),
            // Different, and both wrong.
            (&[9.0, 0.0, 1.0, 2.0, 3.0, 4.0], &[0.0, 9.0, 1.0, 2.0, 3.0, 4.0], 5),
        ]);
        let figures = counted.figures();
        assert_eq!((figures.agreement_count, figures.gained, figures.lost), (Some(1), Some(1), Some(1)));
        close(figures.agreement, 0.25);
        close(figures.agreement_with_ties, 0.25);
        // 5, 4, 4 and 4 of 5.
        close(figures.top5_overlap, (1.0 + 3.0 * 0.8) / 4.0);
        close(figures.mcnemar_p, 1.0);
        // 14 of a range of 14.
        close(figures.max_logit_difference, 1.0);
    }

    #[test]
    fn ties_go_to_the_lowest_index_and_are_counted_apart() {
        // The reference's first is class 0 by its index alone; classes 0 and 2 share its highest score.
        let reference: &[f32] = &[7.0, 1.0, 7.0];
        let counted = pairs(&[
            (&[7.0, 1.0, 7.0], reference, 0),
            (&[1.0, 1.0, 7.0], reference, 0),
            (&[1.0, 7.0, 1.0], reference, 0),
        ]);
        close(counted.figures().agreement, 1.0 / 3.0);
        close(counted.figures().agreement_with_ties, 2.0 / 3.0);
        // Three classes are all there are.
        close(counted.figures().top5_overlap, 1.0);
        // The model's own tie is no agreement: its first class is 0.
        close(pairs(&[(reference, &[1.0, 1.0, 7.0], 0)]).figures().agreement_with_ties, 0.0);
        // Nothing but NaN: the same first class all the same.
        close(pairs(&[(&[f32::NAN; 3], &[f32::NAN; 3], 0)]).figures().agreement_with_ties, 1.0);
    }

    #[test]
    fn divergence_by_hand() {
        // Shares: ½ ln(½ / ¼) + ½ ln(½ / ¾) = ½ ln(4/3). Logits: ln(1 + e) − ½ − ln 2, wherever they lie.
        let expected = 0.5 * (4.0_f64 / 3.0).ln();
        close(pairs(&[(&[0.25, 0.75], &[0.5, 0.5], 0)]).figures().mean_kl, expected);
        close(pairs(&[(&[2.0, 3.0], &[5.0, 5.0], 0)]).figures().mean_kl, 0.120_114_506_958_277_5);
        close(
            pairs(&[(&[8191.0, 8192.0], &[-8192.0, -8192.0], 0)]).figures().mean_kl,
            0.120_114_506_958_277_5,
        );
        close(pairs(&[(&[-8192.0, -8191.0], &[8192.0, 8193.0], 0)]).figures().mean_kl, 0.0);
        // A mean over pictures, not symmetric: the other way round it is ¼ ln ½ + ¾ ln(3/2).
        let other = 0.25 * 0.5_f64.ln() + 0.75 * 1.5_f64.ln();
        let both: [(&[f32], &[f32], usize); 2] =
            [(&[0.25, 0.75], &[0.5, 0.5], 0), (&[0.5, 0.5], &[0.25, 0.75], 0)];
        close(pairs(&both).figures().mean_kl, (expected + other) / 2.0);
    }

    #[test]
    fn divergence_takes_logits_before_scores() {
        // Scores rounded to zero, as integer models have them: the logits tell more.
        let quantised = Answer { scores: vec![1.0, 0.0], logits: Some(vec![10.0, 0.0]) };
        let exact = plain(&[10.0, 0.0]);
        let mut counted = Pairs::default();
        counted.add(&quantised, &exact, 0);
        close(counted.figures().mean_kl, 0.0);
    }

    #[test]
    fn divergence_that_is_not_defined() {
        let reason = |answer: Answer, reference: &[f32]| {
            let mut counted = Pairs::default();
            counted.add(&answer, &plain(reference), 0);
            assert_eq!(counted.figures().mean_kl.is_none(), counted.no_divergence().is_some());
            counted.no_divergence()
        };
        let scores = |scores: &[f32]| Answer { scores: scores.to_vec(), logits: None };
        assert!(reason(scores(&[1.0, 0.0]), &[0.5, 0.5]).unwrap().contains("rules out a class"));
        assert!(reason(scores(&[0.5, 0.4]), &[0.5, 0.5]).unwrap().contains("neither logits"));
        assert!(reason(plain(&[f32::NAN, 0.0]), &[0.5, 0.5]).unwrap().contains("not a number"));
        // What the reference rules out does not matter.
        assert_eq!(reason(scores(&[0.5, 0.5]), &[1.0, 0.0]), None);
    }
}
