//! A linear classifier on the features of a frozen network. The features of every picture, and of its mirror image, are
//! computed once, so that a probe takes seconds; the network is the same to the bit afterwards.

mod source;
#[cfg(test)]
mod tests;

use super::{
    checkpoint::{Loaded, Texts},
    device::upload,
    embed,
    eval::{Answers, features},
    method::{Job, Judge, Method, Place, Report},
    model::{Model, copy},
    network::Shape,
    parameters::Format,
    pictures::{Colours, Pictures},
    session::Session,
    start::{self, Beginning, From},
    training::{self, Ended},
};
use anyhow::{Result, ensure};
use mocolab::{
    data::Split,
    event::Started,
    experiment::{self, Solver},
    metrics::{self, Confusion, Direction},
    random::Purpose,
};
use sha2::{Digest, Sha256};
use source::Source;
use tch::{Kind, Reduction, Tensor, no_grad};

/// A probe under way.
pub struct Probe<'a> {
    settings: &'a experiment::Probe,
    job: &'a Job,
    source: Source,
    /// The labelled pictures, plain and mirrored.
    train: [Seen; 2],
    val: Seen,
    test: Seen,
    /// Places in `train`.
    images: Vec<i64>,
    /// Layers that are fitted at the same time, `[k, classes, width + 1]` flat, the bias last: one for each step size.
    layers: Tensor,
    /// The layer that validates best.
    chosen: usize,
}

/// Features `[n, width]` and labels `[n]`.
struct Seen {
    features: Tensor,
    labels: Tensor,
}

/// A batch: features `[b, width]` and labels `[b]`.
pub type Batch = (Tensor, Tensor);

/// What `lr` is multiplied by in a sweep.
const SWEEP: [f64; 5] = [0.01, 0.1, 1.0, 10.0, 100.0];

/// Trains as `settings` say.
///
/// # Errors
/// Where the network can't be had, the record or a checkpoint can't be written or read, or the network has changed.
pub fn run(settings: &experiment::Probe, job: &Job, session: &mut Session) -> Result<Ended> {
    training::run(job, session, |format, from| Probe::new(settings, job, (format, from)))
}

impl<'a> Probe<'a> {
    /// Before the first step, all features computed.
    ///
    /// # Errors
    /// Where the network can't be had from where the settings say.
    pub fn new(settings: &'a experiment::Probe, job: &'a Job, (format, from): (Format, &From)) -> Result<Self> {
        let (dataset, seed, device) = (&job.dataset, job.experiment.seed, job.devices[0]);
        let source = Source::new(settings, job, (format, from))?;
        let classes = dataset.classes.len();
        let (learnt, held_out) =
            start::parts(&job.strata, settings.judging.val_fraction.get(), source.beginning.split_seed);
        let used = start::labelled(&learnt, &job.strata, (settings.train_fraction.get(), seed));
        ensure!(
            !used.is_empty(),
            "there is nothing to learn from: `train_fraction = {}` of {} training images is none",
            settings.train_fraction,
            learnt.len()
        );
        let size = (dataset.height, dataset.width);
        let pictures = |split: &Split| Pictures::new(split, size, device);
        let (train, test) = (pictures(&dataset.train), pictures(&dataset.test));
        let see = |of, mirrored| Seen::new(&source, of, mirrored);
        let plain = see((&train, &used), false);
        let mirrored = if settings.mirror { see((&train, &used), true) } else { plain.share() };
        let count = if settings.sweep { SWEEP.len() } else { 1 };
        let width = source.model.net.width;
        let layers = Tensor::zeros([count as i64 * classes as i64 * (width + 1)], (Kind::Float, device));
        let mut subset = Sha256::new();
        for image in &used {
            subset.update(image.to_le_bytes());
        }
        let note = format!(
            "labels of {} of {} training images are used, subset {}",
            used.len(),
            learnt.len(),
            start::short(subset)
        );
        let mut probe = Self {
            train: [plain, mirrored],
            val: see((&train, &held_out), false),
            test: see((&test, &test.all()), false),
            images: (0..used.len() as i64).collect(),
            chosen: count / 2,
            settings,
            job,
            source,
            layers,
        };
        if !from.own {
            probe.source.beginning.notes.push(note);
        }
        if settings.standardise {
            probe.standardise();
        }
        Ok(probe)
    }

    /// One of so many features that are noise: what its fit costs without the pictures.
    ///
    /// # Errors
    /// As [`Probe::new`].
    pub fn of_noise(
        settings: &'a experiment::Probe,
        job: &'a Job,
        (format, from): (Format, &From),
        images: i64,
    ) -> Result<Self> {
        let (device, classes) = (job.devices[0], job.dataset.classes.len() as i64);
        let source = Source::new(settings, job, (format, from))?;
        let width = source.model.net.width;
        let noise = |images| Seen {
            features: Tensor::randn([images, width], (Kind::Float, device)),
            labels: Tensor::randint(classes, [images], (Kind::Int64, device)),
        };
        Ok(Self {
            train: [noise(images), noise(images)],
            val: noise(0),
            test: noise(0),
            images: (0..images).collect(),
            chosen: 0,
            layers: Tensor::zeros([classes * (width + 1)], (Kind::Float, device)),
            settings,
            job,
            source,
        })
    }

    /// The frozen network, and the colours that it takes.
    pub fn network(&self) -> (&Model, &Colours) {
        (&self.source.model, &self.source.colours)
    }

    fn classes(&self) -> i64 {
        self.job.dataset.classes.len() as i64
    }

    /// Gives the features of the labelled pictures mean 0 and deviation 1; those that judge follow.
    fn standardise(&mut self) {
        let both = Tensor::cat(&self.train.each_ref().map(|seen| seen.features.shallow_clone()), 0);
        let mean = both.mean_dim([0].as_slice(), true, Kind::Float);
        let deviation = both.std_dim([0].as_slice(), false, true).clamp_min(1e-6);
        for seen in self.train.iter_mut().chain([&mut self.val, &mut self.test]) {
            seen.features = (&seen.features - &mean) / &deviation;
        }
        (self.source.mean, self.source.deviation) = (mean.squeeze(), deviation.squeeze());
    }

    /// Logits `[n, k, classes]` of features `[n, width]` by `layers`.
    fn logits(&self, layers: &Tensor, features: &Tensor) -> Tensor {
        let (classes, width) = (self.classes(), self.source.model.net.width);
        let rows = layers.view([-1, width + 1]);
        let (weight, bias) = (rows.narrow(1, 0, width), rows.select(1, width));
        features.linear(&weight, Some(&bias)).view([features.size()[0], -1, classes])
    }

    /// The answers of every layer, and which of them is best by macro accuracy.
    fn answers(&self, seen: &Seen) -> Vec<Answers> {
        let logits = no_grad(|| self.logits(&self.layers, &seen.features));
        let answers = (0..logits.size()[1]).map(|layer| {
            let mut answers = Answers::new(self.classes() as usize);
            answers.add(&logits.select(1, layer), &seen.labels);
            answers
        });
        answers.collect()
    }

    /// The chosen layer for features as the network gives them: weights `[classes, width]` and bias `[classes]`.
    fn layer(&self) -> (Tensor, Tensor) {
        let width = self.source.model.net.width;
        let layer = self.layers.view([-1, self.classes(), width + 1]).get(self.chosen as i64);
        let weight = layer.narrow(1, 0, width) / &self.source.deviation;
        let bias = layer.select(1, width) - weight.mv(&self.source.mean);
        (weight, bias)
    }
}

impl Seen {
    fn new(source: &Source, of: (&Pictures, &[i64]), mirrored: bool) -> Self {
        let [features, _, labels] = features(of, &source.colours, &source.model, mirrored);
        Self { features, labels }
    }

    fn share(&self) -> Self {
        Self { features: self.features.shallow_clone(), labels: self.labels.shallow_clone() }
    }
}

impl Method for Probe<'_> {
    type Batch = Batch;

    fn measures(&self) -> &'static [&'static str] {
        &[metrics::TRAIN_LOSS, metrics::TRAIN_ACCURACY]
    }

    fn images(&self) -> &[i64] {
        &self.images
    }

    fn takes_all(&self) -> bool {
        self.settings.solver == Solver::Lbfgs
    }

    fn prepare(&self, images: &[i64], place: Place) -> Batch {
        let [plain, mirrored] = &self.train;
        if self.takes_all() {
            let both = if self.settings.mirror { &self.train[..] } else { &self.train[..1] };
            let all = |of: fn(&Seen) -> &Tensor| Tensor::cat(&both.iter().map(of).collect::<Vec<_>>(), 0);
            return (all(|seen| &seen.features), all(|seen| &seen.labels));
        }
        let rows = upload(images, plain.features.device());
        let x = plain.features.index_select(0, &rows);
        let labels = plain.labels.index_select(0, &rows);
        if !self.settings.mirror {
            return (x, labels);
        }
        let mut random = place.random(self.job.experiment.seed, Purpose::Mirror);
        let turned: Vec<bool> = images.iter().map(|_| random.chance(0.5)).collect();
        let turned = upload(&turned, x.device()).unsqueeze(1);
        (mirrored.features.index_select(0, &rows).where_self(&turned, &x), labels)
    }

    fn gradient(&mut self, (x, labels): &Batch, _: Place) -> (Tensor, Tensor) {
        let layers = self.layers.detach().set_requires_grad(true);
        let logits = self.logits(&layers, x);
        let entropy = |layer: i64| {
            let logits = logits.select(1, layer);
            logits.cross_entropy_loss(labels, None::<&Tensor>, Reduction::Mean, -100, 0.0)
        };
        let losses: Vec<Tensor> = (0..logits.size()[1]).map(entropy).collect();
        let sizes = if losses.len() == 1 { &[1.0][..] } else { &SWEEP };
        // A loss that counts for more is a step size that is larger.
        let terms = losses.iter().zip(sizes).map(|(loss, size)| loss * *size);
        let total = terms.reduce(|sum, term| sum + term).expect("there is a layer");
        let gradient = Tensor::run_backward(&[total], &[&layers], false, false).remove(0);
        let measures = no_grad(|| {
            let right = logits.select(1, self.chosen as i64).argmax(1, false).eq_tensor(labels).mean(Kind::Float);
            Tensor::stack(&[losses[self.chosen].detach(), right], 0)
        });
        (gradient, measures)
    }

    fn weights(&mut self) -> &mut Tensor {
        &mut self.layers
    }

    fn statistics(&mut self) -> Option<&mut Tensor> {
        None
    }

    fn moved(&mut self) {}

    fn evaluate(&mut self, judge: Judge, epoch: u64, last: bool) -> Result<Report> {
        let mut report = Report::default();
        let seen = if judge == Judge::Val { &self.val } else { &self.test };
        if seen.labels.numel() > 0 {
            let answers = self.answers(seen);
            if judge == Judge::Val {
                let value = |layer: usize| answers[layer].confusion().macro_accuracy();
                let better =
                    |best: usize, layer| if Direction::Higher.better(value(layer), value(best)) { layer } else { best };
                self.chosen = (0..answers.len()).fold(self.chosen, better);
                if answers.len() > 1 {
                    report.figure(judge, "lr_of_best", SWEEP[self.chosen] * self.settings.descent.lr.get());
                }
            }
            report.figure(judge, "loss", answers[self.chosen].loss());
            report.answers((judge, epoch), &answers[self.chosen].confusion(), ("", ""));
        }
        if last && judge == Judge::Test {
            let now = start::fingerprint(&self.source.model);
            ensure!(
                now == self.source.fingerprint,
                "the frozen network has changed: it was {}, now it is {now}",
                self.source.fingerprint
            );
            report.notes.push(format!("the frozen network is bit-equal to what was taken: {now}"));
        }
        Ok(report)
    }

    fn learnt(&self) -> Option<Confusion> {
        Some(self.answers(&self.train[0]).swap_remove(self.chosen).confusion())
    }

    fn see(&self, images: &[i64]) -> embed::Seen {
        let rows = upload(images, self.layers.device());
        let seen = self.test.features.index_select(0, &rows);
        let logits = self.logits(&self.layers, &seen).select(1, self.chosen as i64);
        let features = seen * &self.source.deviation + &self.source.mean;
        embed::Seen { features, logits: Some(logits) }
    }

    fn about(&self, started: &mut Started) {
        started.arch = self.source.shape.arch.to_string();
        started.parameters = (self.classes() * (self.source.model.net.width + 1)) as u64;
        started.images.insert("val".into(), self.val.labels.numel() as u64);
    }

    fn beginning(&self) -> &Beginning {
        &self.source.beginning
    }

    fn named(&self, flat: &Tensor) -> Vec<(String, Tensor)> {
        vec![(LAYERS.to_owned(), flat.shallow_clone())]
    }

    fn named_statistics(&self, _: &Tensor) -> Vec<(String, Tensor)> {
        Vec::new()
    }

    /// The whole classifier under torchvision's names, the chosen layer as its `fc`; and all layers.
    fn tensors(&self, _: u64) -> Vec<(String, Tensor)> {
        let body = self.source.model.tensors("", 0).into_iter().filter(|(name, _)| !name.starts_with(start::HEAD));
        let (weight, bias) = self.layer();
        let own = [
            ("fc.weight", weight),
            ("fc.bias", bias),
            (LAYERS, self.layers.shallow_clone()),
            (CHOSEN, Tensor::from(self.chosen as i64)),
        ];
        body.chain(own.map(|(name, tensor)| (name.to_owned(), tensor))).collect()
    }

    fn texts(&self) -> Result<Texts> {
        let Shape { arch, stem, .. } = self.source.shape;
        let shape = Shape::classifier(arch, stem, self.job.dataset.classes.len());
        let mut texts =
            start::texts(&shape, &self.job.dataset.classes, &self.source.colours, self.source.beginning.split_seed)?;
        texts.insert("frozen".to_owned(), self.source.fingerprint.clone());
        Ok(texts)
    }

    fn restore(&mut self, from: &Loaded) -> Result<()> {
        self.chosen = from.tensor(CHOSEN)?.int64_value(&[]) as usize;
        copy(from, LAYERS, &self.layers)
    }
}

/// All fitted layers in a checkpoint, and the number of the chosen one.
const LAYERS: &str = "probe.layers";
const CHOSEN: &str = "probe.chosen";
