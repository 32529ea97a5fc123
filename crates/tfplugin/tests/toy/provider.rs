//! A provider of text files, for the tests of the wire and of the real CLI: it has one of each kind.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tfplugin::kinds::erased::{
    self, ErasedAction, ErasedDataSource, ErasedEphemeralResource, ErasedFunction, ErasedList, ErasedResource,
};
use tfplugin::kinds::resource::{MovedFrom, StoredState};
use tfplugin::process::{self, About};
use tfplugin::schema::{Identity, map_of, number, string};
use tfplugin::server::FrameworkServer;
use tfplugin::{
    Action, Attr, Configured, Context, DataSource, Diagnostic, Diagnostics, EphemeralResource, Function, FunctionError,
    List, Listed, Opened, Parameter, Provider, Resource, Schema, Type, path,
};

struct Toy;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    folder: Attr<String>,
}

impl Provider for Toy {
    const ADDRESS: &'static str = "registry.terraform.io/acme/toy";
    type Config = Config;
    type Data = PathBuf;

    fn schema() -> Schema {
        Schema::new("Text files.").attribute("folder", string().required().doc("Where the files are."))
    }

    async fn configure(&self, config: Config, _terraform_version: &str) -> Result<Configured<PathBuf>, Diagnostics> {
        match config.folder {
            Attr::Known(folder) => Ok(Configured::Ready(folder.into())),
            _ => Ok(Configured::NotYetKnown { reason: "`folder` is known only after apply.".into() }),
        }
    }

    fn resources() -> Vec<Box<dyn ErasedResource<PathBuf>>> {
        vec![erased::resource(Note), erased::resource(Labels)]
    }

    fn data_sources() -> Vec<Box<dyn ErasedDataSource<PathBuf>>> {
        vec![erased::data_source(Size)]
    }

    fn ephemeral_resources() -> Vec<Box<dyn ErasedEphemeralResource<PathBuf>>> {
        vec![erased::ephemeral_resource(Token)]
    }

    fn actions() -> Vec<Box<dyn ErasedAction<PathBuf>>> {
        vec![erased::action(Truncate)]
    }

    fn lists() -> Vec<Box<dyn ErasedList<PathBuf>>> {
        vec![erased::list(Notes)]
    }

    fn functions() -> Vec<Box<dyn ErasedFunction>> {
        vec![erased::function(Join)]
    }
}

fn failed(error: &io::Error) -> Diagnostics {
    Diagnostic::error("File cannot be used", error.to_string()).into()
}

/// Values that are nowhere but in the state: what Terraform itself does for an object, by their number.
struct Labels;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LabelsModel {
    values: Attr<BTreeMap<String, Attr<String>>>,
}

impl Resource for Labels {
    const TYPE: &'static str = "toy_labels";
    type Model = LabelsModel;
    type Data = PathBuf;

    fn schema() -> Schema {
        Schema::new("Values.").attribute("values", map_of(Type::String).optional().doc("The values."))
    }

    async fn create(&self, _cx: &Context<PathBuf>, plan: LabelsModel) -> Result<LabelsModel, Diagnostics> {
        Ok(plan)
    }

    async fn read(&self, _cx: &Context<PathBuf>, state: LabelsModel) -> Result<Option<LabelsModel>, Diagnostics> {
        Ok(Some(state))
    }

    async fn update(
        &self,
        _cx: &Context<PathBuf>,
        _prior: LabelsModel,
        plan: LabelsModel,
    ) -> Result<LabelsModel, Diagnostics> {
        Ok(plan)
    }

    async fn delete(&self, _cx: &Context<PathBuf>, _state: LabelsModel) -> Result<(), Diagnostics> {
        Ok(())
    }

    fn import(_id: &str) -> Result<LabelsModel, Diagnostics> {
        Err(Diagnostic::error("Values cannot be imported", "They are nowhere but in the state.").into())
    }
}

struct Note;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoteModel {
    name: Attr<String>,
    text: Attr<String>,
    keep: Attr<bool>,
    secret: Attr<String>,
    secret_version: Attr<i64>,
    bytes: Attr<u64>,
}

impl Note {
    /// The note as it is in its file; none if there is none.
    fn observed(cx: &Context<PathBuf>, model: NoteModel) -> Result<Option<NoteModel>, Diagnostics> {
        match fs::read_to_string(cx.data().join(model.name.need(path!(name))?)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&error)),
            Ok(text) => Ok(Some(NoteModel { bytes: Attr::Known(text.len() as u64), text: Attr::Known(text), ..model })),
        }
    }

    /// Writes the file, and the secret beside it.
    fn write(cx: &Context<PathBuf>, plan: NoteModel) -> Result<NoteModel, Diagnostics> {
        let name = plan.name.need(path!(name))?.clone();
        let file = cx.data().join(&name);
        fs::write(&file, plan.text.need(path!(text))?).map_err(|error| failed(&error))?;
        if let Some(secret) = cx.config::<NoteModel>()?.secret.known() {
            fs::write(file.with_extension("secret"), secret).map_err(|error| failed(&error))?;
            if secret == "a secret that is told" {
                cx.warn(Diagnostic::warning("Told: a secret that is told", "\u{1b}[31mred"));
            }
        }
        Self::observed(cx, plan)?.ok_or_else(|| Diagnostic::error("File is gone", name).into())
    }
}

impl Resource for Note {
    const TYPE: &'static str = "toy_note";
    type Model = NoteModel;
    type Data = PathBuf;

    fn schema() -> Schema {
        Schema::new("A file.")
            .attribute("name", string().required().replaces_if_set().doc("Name of the file."))
            .attribute("text", string().default("").doc("What is in the file."))
            .attribute("keep", tfplugin::schema::boolean().default(false).doc("Whether destroy leaves the file."))
            .attribute("secret", string().optional().write_only().doc("Put into a file beside it."))
            .attribute("secret_version", number().optional().doc("A change writes `secret` again."))
            .attribute("bytes", number().computed().doc("Size of the file."))
            .version(1)
            .import_id("<name>")
            .identity(Identity::of(["name"]))
    }

    async fn create(&self, cx: &Context<PathBuf>, plan: NoteModel) -> Result<NoteModel, Diagnostics> {
        Self::write(cx, plan)
    }

    async fn read(&self, cx: &Context<PathBuf>, state: NoteModel) -> Result<Option<NoteModel>, Diagnostics> {
        Self::observed(cx, state)
    }

    async fn update(
        &self,
        cx: &Context<PathBuf>,
        _prior: NoteModel,
        plan: NoteModel,
    ) -> Result<NoteModel, Diagnostics> {
        Self::write(cx, plan)
    }

    async fn delete(&self, cx: &Context<PathBuf>, state: NoteModel) -> Result<(), Diagnostics> {
        if state.keep.is_true() {
            return Ok(());
        }
        fs::remove_file(cx.data().join(state.name.need(path!(name))?)).map_err(|error| failed(&error))
    }

    fn import(id: &str) -> Result<NoteModel, Diagnostics> {
        Ok(NoteModel { name: Attr::Known(id.to_owned()), ..Self::nulls()? })
    }

    /// Version 0 had `content` in place of `text`.
    fn upgrade(_version: i64, mut state: StoredState) -> Result<StoredState, Diagnostics> {
        if let Some(content) = state.remove("content") {
            state.insert("text".to_owned(), content);
        }
        Ok(state)
    }

    fn moved_from(source: MovedFrom) -> Option<Result<NoteModel, Diagnostics>> {
        let name = source.state.get("filename")?.as_str()?.rsplit('/').next()?.to_owned();
        Some(Self::nulls().map(|nulls| NoteModel { name: Attr::Known(name), ..nulls }))
    }
}

struct Size;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SizeModel {
    name: Attr<String>,
    bytes: Attr<u64>,
}

impl DataSource for Size {
    const TYPE: &'static str = "toy_size";
    type Model = SizeModel;
    type Data = PathBuf;

    fn schema() -> Schema {
        Schema::new("The size of a file.")
            .attribute("name", string().required().doc("Name of the file."))
            .attribute("bytes", number().computed().doc("Its size."))
    }

    async fn read(&self, cx: &Context<PathBuf>, config: SizeModel) -> Result<SizeModel, Diagnostics> {
        let size = fs::metadata(cx.data().join(config.name.need(path!(name))?)).map_err(|error| failed(&error))?.len();
        Ok(SizeModel { bytes: Attr::Known(size), ..config })
    }
}

struct Token;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenModel {
    name: Attr<String>,
    token: Attr<String>,
}

impl EphemeralResource for Token {
    const TYPE: &'static str = "toy_token";
    type Model = TokenModel;
    type Data = PathBuf;

    fn schema() -> Schema {
        Schema::new("A token that nothing stores.")
            .attribute("name", string().required().doc("Who may use it."))
            .attribute("token", string().computed().sensitive().doc("The token."))
    }

    async fn open(&self, cx: &Context<PathBuf>, config: TokenModel) -> Result<Opened<TokenModel>, Diagnostics> {
        let name = config.name.need(path!(name))?.clone();
        cx.set_private("name", &name);
        let value = TokenModel { token: Attr::Known(format!("token of {name}")), ..config };
        Ok(Opened { value, renew_in: Some(Duration::from_hours(1)) })
    }

    /// Leaves a mark, so that a test sees that it was called.
    async fn close(&self, cx: &Context<PathBuf>) -> Result<(), Diagnostics> {
        let name: String = cx.private().get("name").unwrap_or_default();
        fs::write(cx.data().join(format!("{name}.closed")), "").map_err(|error| failed(&error))
    }
}

struct Truncate;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TruncateModel {
    name: Attr<String>,
    text: Attr<String>,
}

impl Action for Truncate {
    const TYPE: &'static str = "toy_truncate";
    type Model = TruncateModel;
    type Data = PathBuf;

    fn schema() -> Schema {
        Schema::new("Replaces what is in a file.")
            .attribute("name", string().required().doc("Name of the file."))
            .attribute("text", string().default("gone").doc("What is in it afterwards."))
    }

    async fn check(&self, cx: &Context<PathBuf>, config: TruncateModel) -> Diagnostics {
        match config.name.known() {
            Some(name) if !cx.data().join(name).exists() => {
                Diagnostic::error("There is no such file", "").at(path!(name)).into()
            }
            _ => Diagnostics::none(),
        }
    }

    async fn invoke(&self, cx: &Context<PathBuf>, config: TruncateModel) -> Result<(), Diagnostics> {
        let file = cx.data().join(config.name.need(path!(name))?);
        cx.progress("half\u{1b}[2J way");
        let text = config.text.need(path!(text))?;
        assert!(text != "panics", "in the middle of an action");
        fs::write(file, text).map_err(|error| failed(&error))
    }
}

struct Notes;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NotesModel {
    prefix: Attr<String>,
}

impl List for Notes {
    type Resource = Note;
    type Model = NotesModel;

    fn schema() -> Schema {
        Schema::new("The notes in the folder.").attribute("prefix", string().default("").doc("Begin of their names."))
    }

    async fn list(
        &self,
        cx: &Context<PathBuf>,
        config: NotesModel,
        _limit: usize,
    ) -> Result<Vec<Listed<NoteModel>>, Diagnostics> {
        let prefix = config.prefix.need(path!(prefix))?;
        let files = fs::read_dir(cx.data().as_path()).map_err(|error| failed(&error))?.flatten();
        let names = files.filter(|it| it.path().is_file()).filter_map(|it| it.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|it| it.starts_with(prefix)).collect();
        names.sort();
        let mut found = Vec::new();
        for name in names {
            let named = NoteModel { name: Attr::Known(name.clone()), ..Note::nulls()? };
            found.extend(Note::observed(cx, named)?.map(|object| Listed { display_name: name, object }));
        }
        Ok(found)
    }
}

struct Join;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    separator: Attr<String>,
    parts: Vec<String>,
}

#[derive(Serialize)]
struct Joined {
    text: String,
    count: usize,
}

impl Function for Join {
    const NAME: &'static str = "join";
    type Arguments = Arguments;
    type Result = Joined;

    fn signature() -> tfplugin::Signature {
        let returns = Type::Object([("text".to_owned(), Type::String), ("count".to_owned(), Type::Number)].into());
        tfplugin::Signature::new("Joins parts.", "Joins parts by a separator.", returns)
            .parameter(Parameter::new("separator", Type::String, "Stands between. Null is a hyphen.").nullable())
            .variadic(Parameter::new("parts", Type::String, "The parts."))
    }

    fn call(arguments: Arguments) -> Result<Joined, FunctionError> {
        if let Some(wrong) = arguments.parts.iter().find(|it| it.is_empty()) {
            return Err(FunctionError::new(format!("The part `{wrong}` is empty.")).at("parts"));
        }
        let separator = arguments.separator.into_known().unwrap_or_else(|| "-".to_owned());
        Ok(Joined { count: arguments.parts.len(), text: arguments.parts.join(&separator) })
    }
}

const ABOUT: About = About {
    name: "toy",
    version: "0.1.0",
    purpose: "Text files, for tests.",
    log_crates: &["terraform_provider_toy"],
    addresses: &["registry.terraform.io/acme/toy", "registry.opentofu.org/acme/toy"],
};

fn main() -> ExitCode {
    process::serve(&ABOUT, || Arc::new(FrameworkServer::new(Toy)))
}
