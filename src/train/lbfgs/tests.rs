//! L-BFGS on problems with known minima, beside torch's iterates, and taken up in the middle.

use super::*;
use mocolab::random::{Purpose, Random};
use tch::{Device, Reduction};

fn rosenbrock(point: &Tensor) -> (f64, Tensor) {
    let [x, y] = [0, 1].map(|k| point.double_value(&[k]));
    let slopes = [-2.0 * (1.0 - x) - 400.0 * x * (y - x * x), 200.0 * (y - x * x)];
    let loss = (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2);
    (loss, Tensor::from_slice(&slopes).to_kind(point.kind()))
}

/// Multinomial logistic regression with weight decay on 200 drawn features of 6 dimensions in 4 classes.
fn regression(kind: Kind) -> impl Fn(&Tensor) -> (f64, Tensor) {
    let mut random = Random::new(1, Purpose::Weights, (0, 0));
    let centres: Vec<f64> = (0..4 * 6).map(|_| random.normal()).collect();
    let features: Vec<f64> = (0..200 * 6).map(|k| centres[k / 6 % 4 * 6 + k % 6] + random.normal()).collect();
    let features = Tensor::from_slice(&features).view([200, 6]).to_kind(kind);
    let labels = Tensor::arange(200, (Kind::Int64, Device::Cpu)).fmod(4);
    move |flat: &Tensor| {
        let flat = flat.copy().set_requires_grad(true);
        let logits = features.matmul(&flat.narrow(0, 0, 24).view([6, 4])) + flat.narrow(0, 24, 4);
        let loss = logits.cross_entropy_loss(&labels, None::<&Tensor>, Reduction::Mean, -100, 0.0)
            + flat.square().sum(kind) * 5e-3;
        let gradient = Tensor::run_backward(&[&loss], &[&flat], false, false).remove(0);
        (loss.double_value(&[]), gradient)
    }
}

fn descend(weights: &mut Tensor, evaluate: &mut dyn FnMut(&Tensor) -> (f64, Tensor), steps: usize) -> Vec<f64> {
    let mut lbfgs = Lbfgs::new(10);
    (0..steps).map(|_| lbfgs.step(weights, evaluate)).collect()
}

#[test]
fn rosenbrock_is_descended_along_the_way_of_pytorch() {
    // Loss after each iteration of PyTorch 2.11's LBFGS (lr=1, history_size=10, line_search_fn="strong_wolfe").
    let want = [
        4.146_927_103,
        4.125_586_714,
        4.121_126_776,
        4.111_816_452,
        4.084_955_376,
        4.022_282_149,
        3.909_144_280,
        3.758_911_718,
        3.423_165_462,
        2.859_759_141,
        2.456_257_722,
        1.820_363_870,
        1.657_699_361,
        1.496_744_527,
        1.135_097_447,
        0.920_017_580,
        0.655_005_861,
        0.464_766_875,
        0.424_072_157,
        0.242_062_875,
        0.207_535_154,
        0.112_640_596,
        0.093_979_487,
        0.046_518_974,
    ];
    let mut weights = Tensor::from_slice(&[-1.2_f64, 1.0]);
    let losses = descend(&mut weights, &mut |point| rosenbrock(point), 60);
    for (k, (loss, want)) in losses.iter().zip(want).enumerate() {
        assert!((loss - want).abs() < 1e-6 * want, "{k}: {loss} {want}");
    }
    assert!(weights.allclose(&weights.ones_like(), 1e-7, 1e-7, false), "{weights}");
}

#[test]
fn a_convex_quadratic_is_solved() {
    // x'Ax / 2 - b'x with a condition of 100, least at A⁻¹b.
    let mut random = Random::new(2, Purpose::Weights, (0, 0));
    let spread: Vec<f64> = (0..30).map(|_| random.normal()).collect();
    let (turn, _) = Tensor::linalg_qr(
        &Tensor::from_slice(&(0..900).map(|_| random.normal()).collect::<Vec<f64>>()).view([30, 30]),
        "reduced",
    );
    let scales = Tensor::linspace(0.0, 2.0, 30, (Kind::Double, Device::Cpu));
    let matrix = turn.matmul(&Tensor::from(10.0).pow(&scales).diag(0)).matmul(&turn.transpose(0, 1));
    let bottom = Tensor::from_slice(&spread);
    let target = matrix.mv(&bottom);
    let mut evaluations = 0;
    let mut weights = bottom.zeros_like();
    let mut evaluate = |x: &Tensor| {
        evaluations += 1;
        let product = matrix.mv(x);
        (0.5 * dot(x, &product) - dot(&target, x), product - &target)
    };
    let mut lbfgs = Lbfgs::new(10);
    let needed = (1..200).find(|_| {
        lbfgs.step(&mut weights, &mut evaluate);
        weights.allclose(&bottom, 1e-6, 1e-6, false)
    });
    assert!(needed.is_some_and(|needed| needed < 120 && evaluations < needed * 3 / 2), "{needed:?} {evaluations}");
}

#[test]
fn logistic_regression_ends_where_long_gradient_descent_does() {
    let exact = regression(Kind::Double);
    let mut slow = Tensor::zeros([28], (Kind::Double, Device::Cpu));
    for _ in 0..5000 {
        slow -= exact(&slow).1 * 0.5;
    }
    let want = exact(&slow).0;
    for kind in [Kind::Float, Kind::Double] {
        let evaluate = regression(kind);
        let mut weights = Tensor::zeros([28], (kind, Device::Cpu));
        let losses = descend(&mut weights, &mut |point| evaluate(point), 30);
        let got = exact(&weights.to_kind(Kind::Double)).0;
        assert!((got - want).abs() < 1e-6 * want, "{kind:?} {got} {want}");
        assert!(losses.windows(2).all(|pair| pair[1] <= pair[0]), "{losses:?}");
        assert_eq!(weights.kind(), kind);
    }
}

#[test]
fn a_restored_state_goes_on_bit_for_bit() {
    for restored_after in [0, 1, 4, 15] {
        let evaluate = regression(Kind::Float);
        let evaluate = &mut |point: &Tensor| evaluate(point);
        let mut weights = Tensor::zeros([28], (Kind::Float, Device::Cpu));
        let mut lbfgs = Lbfgs::new(3);
        for _ in 0..restored_after {
            lbfgs.step(&mut weights, evaluate);
        }
        let saved: Vec<_> = lbfgs.tensors().iter().map(|(name, tensor)| (name.clone(), tensor.copy())).collect();
        let mut again = Lbfgs::new(3);
        let read = |wanted: &str| Ok(saved.iter().find(|(name, _)| name == wanted).unwrap().1.copy());
        again.restore(&read).unwrap();
        let mut others = weights.copy();
        for step in 0..12 {
            let losses = (lbfgs.step(&mut weights, evaluate), again.step(&mut others, evaluate));
            assert_eq!(losses.0.to_bits(), losses.1.to_bits(), "{restored_after} {step}");
            assert_eq!(weights, others);
        }
    }
    assert!(Lbfgs::new(3).restore(&|name| anyhow::bail!("no `{name}`")).is_err());
}

#[test]
fn what_is_no_number_is_stepped_back_from_and_a_bottom_is_not_left() {
    // Defined above 0 only; least at 1.
    let mut outside = 0;
    let mut logarithm = |point: &Tensor| {
        let x = point.double_value(&[0]);
        outside += usize::from(x <= 0.0);
        (x - x.ln(), Tensor::from_slice(&[1.0 - 1.0 / x]))
    };
    let mut weights = Tensor::from_slice(&[5_f64]);
    descend(&mut weights, &mut logarithm, 30);
    assert!((weights.double_value(&[0]) - 1.0).abs() < 1e-6, "{weights}");
    let before = weights.copy();
    assert!((descend(&mut weights, &mut logarithm, 1)[0] - 1.0).abs() < 1e-9);
    assert_eq!(weights, before);
    let nowhere = descend(&mut weights, &mut |point| (f64::NAN, point.ones_like() * f64::NAN), 2);
    assert!(nowhere[1].is_nan());
    assert_eq!(weights, before);
    // A cliff: the slope at the start leads to where nothing is defined.
    let mut cliff = |point: &Tensor| {
        let x = point.double_value(&[0]);
        outside += usize::from(x >= 1.0);
        let loss = if x < 1.0 { -10.0 * x - (1.0 - x).ln() * 0.01 } else { f64::NAN };
        (loss, Tensor::from_slice(&[-10.0 + 0.01 / (1.0 - x)]))
    };
    let mut weights = Tensor::from_slice(&[0_f64]);
    descend(&mut weights, &mut cliff, 30);
    assert!((weights.double_value(&[0]) - 0.999).abs() < 1e-6, "{weights}");
    assert!(outside > 0);
}
