//! `modules/default.nix` and `home/default.nix`: every module of a half.

use model::{Fleet, Half};
use serde::Serialize;

use crate::code::Code;
use crate::error::Result;
use crate::views::halves;

/// The modules.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    imports: Code,
}

/// The view of one half's index.
pub(crate) fn view(fleet: &Fleet, half: Half) -> Result<View> {
    let modules = halves(fleet, half).map(|(feature, _)| {
        Code::path(format!(
            "./{}/{}.nix",
            feature.id.category(),
            feature.id.name()
        ))
    });
    Ok(View {
        imports: Code::imports(&modules.collect::<Result<Vec<_>>>()?),
    })
}
