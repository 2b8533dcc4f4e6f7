//! Grafts that train on a GPU. A software renderer stands in for one: `device` would not choose it, but it
//! takes the same way.

use std::path::Path;

use burn_tensor::{Device, DeviceType};
use tabgraft_table::Table;
use tabgraft_table::read::{ReadOptions, read_table};
use tabgraft_table::schema::InferOptions;

use super::Graft;
use crate::ExtendOptions;
use crate::kernel::Place;
use crate::space::{EmbeddingSpace, FitOptions, Freeze, Mode, SpaceConfig};
use crate::train::{Computer, TrainingOptions, quiet};

const LATE: [&str; 3] = ["checking_status", "duration", "savings_status"];

/// Any device of the GPU backend, or a word that there is none.
fn renderer() -> Option<Computer> {
    let device = Device::enumerate(DeviceType::Wgpu).into_vec().into_iter().next();
    if device.is_none() {
        eprintln!("skipped: no Vulkan driver, not even a software renderer");
    }
    device.map(|device| Computer {
        place: Place::Gpu(device),
        name: "renderer".to_owned(),
        may_fall_back: false,
    })
}

fn credit() -> Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/german_credit.csv");
    read_table(&path, &ReadOptions::default()).expect("the fixture is there").slice(0, 300)
}

fn parent(table: &Table) -> EmbeddingSpace {
    let early: Vec<String> =
        table.column_names().into_iter().filter(|name| !LATE.contains(&name.as_str())).collect();
    let options = FitOptions {
        config: SpaceConfig {
            training: TrainingOptions::of_epochs(3),
            d_model: 32,
            ..SpaceConfig::default()
        },
        infer: InferOptions { ignore: vec!["default".to_owned()], ..InferOptions::default() },
        ..FitOptions::default()
    };
    EmbeddingSpace::fit(&table.select(&early).expect("early columns"), None, &options, &mut quiet)
        .expect("a parent")
}

fn trained(parent: &EmbeddingSpace, table: &Table, options: &ExtendOptions, on: Computer) -> EmbeddingSpace {
    let graft = parent.graft(table, None, options, &mut quiet).expect("new columns");
    Graft { computer: on, ..graft }.train(&mut quiet).expect("a child")
}

#[test]
fn every_mode_trains_there_as_it_does_here() {
    let Some(gpu) = renderer() else { return };
    let table = credit();
    let parent = parent(&table);
    let before = parent.embed(&table).expect("vectors");
    let freeze = Freeze { columns: vec!["age".to_owned(), "purpose".to_owned()], ..Freeze::default() };
    for (mode, freeze) in
        [(Mode::Frozen, Freeze::default()), (Mode::Joint, freeze), (Mode::Anchored, Freeze::default())]
    {
        let options = ExtendOptions {
            mode,
            freeze,
            training: TrainingOptions { n_epochs: Some(4), auto_epochs: false, ..TrainingOptions::default() },
            ..Default::default()
        };
        let here = trained(&parent, &table, &options, Computer::default());
        let there = trained(&parent, &table, &options, gpu.clone());
        let [a, b] = [&here, &there].map(|space| space.training_info());
        assert_eq!((a.device.as_str(), b.device.as_str()), ("cpu", "renderer"));
        // The same masks, order and dropout: what differs is rounding, which steps make larger.
        for (x, y) in a.epochs.iter().zip(&b.epochs) {
            assert!(
                (x.train_loss - y.train_loss).abs() < 2e-3,
                "{mode:?}: {} and {}",
                x.train_loss,
                y.train_loss
            );
        }
        let losses = [a, b].map(|info| info.final_validation_loss.expect("validation rows"));
        assert!((losses[0] - losses[1]).abs() < 5e-3, "{mode:?}: {losses:?}");
        let after = there.embed(&table).expect("vectors");
        if mode == Mode::Frozen {
            for r in 0..table.n_rows() {
                assert_eq!(after.row(r)[..parent.d_model()], *before.row(r));
            }
        }
        let entry = there.extension_metadata().expect("a graft");
        let drift = entry.drift.as_ref().expect("two validation rows").mean_cosine_distance;
        assert!(entry.anchor.is_none_or(|anchor| drift <= anchor.drift_bound), "{drift}");
    }
}
