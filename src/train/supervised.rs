//! A classifier trained on labels: what a step learns from, and how it is judged.

use super::{
    augment::Moves,
    checkpoint::{Loaded, Texts},
    device::upload,
    embed::Seen,
    eval::{Answers, features, judge},
    method::{Job, Judge, Method, Place, Report},
    model::Model,
    network::{Mode, Shape},
    parameters::Format,
    pictures::{Colours, Pictures},
    preview, replicas,
    session::Session,
    start::{self, Beginning, From},
    training::{self, Ended},
    views::{Draws, Mix, cutout, view},
};
use anyhow::Result;
use mocolab::{
    event::Started,
    experiment,
    metrics::{self, Confusion},
    random::{Purpose, Random},
};
use tch::{Device, Kind, Reduction, Tensor, no_grad};

/// A classifier under way.
pub struct Supervised<'a> {
    settings: &'a experiment::Supervised,
    job: &'a Job,
    shape: Shape,
    replicas: Vec<Replica>,
    test: Pictures,
    learnt: Vec<i64>,
    held_out: Vec<i64>,
    colours: Colours,
    beginning: Beginning,
}

/// The classifier and the training pictures on one device.
struct Replica {
    model: Model,
    train: Pictures,
}

/// Pictures of a step on one device.
pub struct Piece {
    /// `[n, 3, h, w]`.
    x: Tensor,
    /// `[n]`.
    labels: Tensor,
    /// Labels of the pictures mixed in, and the share of the picture itself.
    mixed: Option<(Tensor, f64)>,
}

/// Trains as `settings` say.
///
/// # Errors
/// Where the record or a checkpoint can't be written or read, or the loss is no longer a number.
pub fn run(settings: &experiment::Supervised, job: &Job, session: &mut Session) -> Result<Ended> {
    training::run(job, session, |format, from| Supervised::new(settings, job, (format, from)))
}

impl Piece {
    /// The same tensors, for another thread.
    fn share(&self) -> Self {
        let mixed = self.mixed.as_ref().map(|(labels, share)| (labels.shallow_clone(), *share));
        Self { x: self.x.shallow_clone(), labels: self.labels.shallow_clone(), mixed }
    }
}

impl<'a> Supervised<'a> {
    /// Before the first step.
    ///
    /// # Errors
    /// Where the first weights can't be had from where the settings say.
    pub fn new(settings: &'a experiment::Supervised, job: &'a Job, (format, from): (Format, &From)) -> Result<Self> {
        let (dataset, seed) = (&job.dataset, job.experiment.seed);
        let shape = Shape::classifier(settings.arch, settings.stem, dataset.classes.len());
        let mut model = Model::new(shape, seed, (format, job.devices[0]));
        let mut beginning = Beginning::read(job, from)?;
        beginning.give(&mut model, true)?;
        let (learnt, held_out) = start::parts(&job.strata, settings.judging.val_fraction.get(), beginning.split_seed);
        let own = || Colours::choose(settings.views.normalise, &dataset.train, &learnt);
        let colours = beginning.colours.unwrap_or_else(own);
        let size = (dataset.height, dataset.width);
        let replica =
            |device| Replica { model: model.copy(device), train: Pictures::new(&dataset.train, size, device) };
        let replicas = job.devices.iter().map(|device| replica(*device)).collect();
        let test = Pictures::new(&dataset.test, size, job.devices[0]);
        Ok(Self { settings, job, shape, replicas, test, learnt, held_out, colours, beginning })
    }

    fn lead(&self) -> &Replica {
        &self.replicas[0]
    }

    /// What is answered to pictures as they are.
    fn answers(&self, asked: (&Pictures, &[i64])) -> Answers {
        let mut answers = Answers::new(self.job.dataset.classes.len());
        judge(asked, (&self.colours, false), &self.lead().model, |outputs, labels| answers.add(&outputs.1, labels));
        answers
    }

    /// Pictures `images` of `replica`, moved, changed, normalised.
    fn pictures(&self, replica: &Replica, images: &[i64], [random, colours]: [&mut Random; 2]) -> Tensor {
        let (settings, size) = (self.settings, (self.job.dataset.height, self.job.dataset.width));
        let plain = settings.views.only_flips();
        let flip = if plain { settings.views.flip.get() } else { 0.0 };
        let moves = Moves::draw(images.len(), size.1, settings.crop_padding, flip, random);
        let bytes = replica.train.moved(images, &moves);
        if plain {
            return self.colours.normalise(&bytes, replica.model.format.kind());
        }
        let draws = Draws::draw(&settings.views, images.len(), size, colours);
        self.colours.normalise_view(&view(&bytes, &draws), replica.model.format.kind())
    }

    fn piece(&self, replica: &Replica, images: &[i64], [moves, views, squares, mix]: [&mut Random; 4]) -> Piece {
        let mut x = self.pictures(replica, images, [moves, views]);
        let labels = replica.train.labels(images);
        if self.settings.cutout > 0 {
            x = cutout(&x, self.settings.cutout, squares);
        }
        let alpha = self.settings.mixup.get();
        let mixed = (alpha > 0.0).then(|| {
            let mix = Mix::draw(alpha, images.len(), mix);
            x = mix.apply(&x);
            let partners = upload(&mix.partners, labels.device());
            (labels.index_select(0, &partners), mix.share)
        });
        Piece { x, labels, mixed }
    }
}

/// Loss and share of right answers of logits `[n, classes]`: mean cross-entropy, of whose targets a share `smoothing` is
/// spread over all classes (Szegedy et al. 2016, section 7).
fn loss(logits: &Tensor, piece: &Piece, smoothing: f64) -> (Tensor, Tensor) {
    let entropy =
        |labels: &Tensor| logits.cross_entropy_loss(labels, None::<&Tensor>, Reduction::Mean, -100, smoothing);
    let own = entropy(&piece.labels);
    let loss = match &piece.mixed {
        None => own,
        Some((others, share)) => own * *share + entropy(others) * (1.0 - share),
    };
    let right = no_grad(|| logits.argmax(1, false).eq_tensor(&piece.labels).mean(Kind::Float));
    (loss, right)
}

impl Method for Supervised<'_> {
    type Batch = Vec<Piece>;

    fn measures(&self) -> &'static [&'static str] {
        &[metrics::TRAIN_LOSS, metrics::TRAIN_ACCURACY]
    }

    fn images(&self) -> &[i64] {
        &self.learnt
    }

    fn prepare(&self, images: &[i64], place: Place) -> Vec<Piece> {
        let seed = self.job.experiment.seed;
        // A stream for each purpose: what a picture draws does not depend on how many replicas there are. But each replica
        // mixes among its own pictures.
        let purposes = [Purpose::Augment, Purpose::View, Purpose::Cutout, Purpose::Mix];
        let [mut moves, mut views, mut squares, mut mix] = purposes.map(|purpose| place.random(seed, purpose));
        let shares = replicas::share(images, self.replicas.len());
        let pieces = self.replicas.iter().zip(shares);
        pieces
            .map(|(replica, images)| self.piece(replica, images, [&mut moves, &mut views, &mut squares, &mut mix]))
            .collect()
    }

    fn gradient(&mut self, batch: &Vec<Piece>, _: Place) -> (Tensor, Tensor) {
        let smoothing = self.settings.label_smoothing.get();
        let mut work: Vec<_> = self.replicas.iter_mut().zip(batch.iter().map(Piece::share)).collect();
        let answers = replicas::each(&mut work, |(replica, piece)| {
            let logits = replica.model.forward(&piece.x, Mode::TRAIN);
            let (loss, right) = loss(&logits, piece, smoothing);
            (replica.model.parameters.gradient(&loss), Tensor::stack(&[loss.detach(), right], 0))
        });
        let counts: Vec<usize> = batch.iter().map(|piece| piece.labels.numel()).collect();
        let (gradients, measures) = answers.into_iter().unzip();
        (replicas::mean(gradients, &counts), replicas::mean(measures, &counts))
    }

    fn weights(&mut self) -> &mut Tensor {
        &mut self.replicas[0].model.parameters.flat
    }

    fn statistics(&mut self) -> Option<&mut Tensor> {
        Some(&mut self.replicas[0].model.buffers.flat)
    }

    fn moved(&mut self) {
        replicas::moved(self.replicas.iter_mut().map(|replica| &mut replica.model));
    }

    fn evaluate(&mut self, judge_by: Judge, epoch: u64, _: bool) -> Result<Report> {
        let (pictures, images) = match judge_by {
            Judge::Val => (&self.lead().train, self.held_out.clone()),
            Judge::Test => (&self.test, self.test.all()),
        };
        let mut report = Report::default();
        if !images.is_empty() {
            let answers = self.answers((pictures, &images));
            report.figure(judge_by, "loss", answers.loss());
            report.answers((judge_by, epoch), &answers.confusion(), ("", ""));
        }
        Ok(report)
    }

    fn learnt(&self) -> Option<Confusion> {
        Some(self.answers((&self.lead().train, &self.learnt)).confusion())
    }

    fn see(&self, images: &[i64]) -> Seen {
        let [features, logits, _] = features((&self.test, images), &self.colours, &self.lead().model, false);
        Seen { features, logits: Some(logits) }
    }

    fn about(&self, started: &mut Started) {
        started.parameters = self.lead().model.net.count() as u64;
        started.images.insert("val".into(), self.held_out.len() as u64);
    }

    fn beginning(&self) -> &Beginning {
        &self.beginning
    }

    fn shown(&self, images: &[i64], count: usize) -> Vec<Tensor> {
        let bytes = |piece: &Piece| self.colours.bytes(&piece.x).to_device(Device::Cpu);
        let made = (0..count as u64).map(|step| {
            let pieces = self.prepare(images, preview::place(step));
            Tensor::cat(&pieces.iter().map(bytes).collect::<Vec<_>>(), 0)
        });
        std::iter::once(self.lead().train.plain(images).to_device(Device::Cpu)).chain(made).collect()
    }

    fn named(&self, flat: &Tensor) -> Vec<(String, Tensor)> {
        self.lead().model.named(flat)
    }

    fn named_statistics(&self, flat: &Tensor) -> Vec<(String, Tensor)> {
        self.lead().model.named_statistics(flat)
    }

    fn tensors(&self, steps: u64) -> Vec<(String, Tensor)> {
        self.lead().model.tensors("", steps)
    }

    fn texts(&self) -> Result<Texts> {
        start::texts(&self.shape, &self.job.dataset.classes, &self.colours, self.beginning.split_seed)
    }

    fn restore(&mut self, from: &Loaded) -> Result<()> {
        self.replicas[0].model.restore(from, "")
    }
}
