#include "runtime/config.h"

#include "runtime/files.h"
#include "runtime/nearest.h"
#include "runtime/settings.h"
#include "tests/runtime/temporary_folder.h"

namespace limner {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

Settings parse(const std::string& yaml, const std::vector<std::string>& overrides = {}) {
  return parse_settings(yaml, "x.yaml", overrides);
}

void refuse(const std::string& yaml, const std::vector<std::string>& parts,
            const std::vector<std::string>& overrides = {}) {
  SCOPED_TRACE(yaml);
  expect_error(ExitCode::bad_config, parts, [&] { parse(yaml, overrides); });
}

TEST(Config, EveryKindOfField) {
  const Settings settings = parse(R"(
# a comment
run: {directory: "runs/a b", seed: 0}
runtime: {threads: 3, device: cpu}
prepare:
  sources:
    - path: a.csv
      fields: {text: 'no', 7: x}
  clean: {nfkc: true}
  split: {train: 1, validation: 0., test: .0, stratify: label}
model: {checkpoint: null, max_length: auto}
train:
  heads:
    - {name: a, field: b, weight: 5e-1}
    - {name: c, field: d}
  learning_rate: 3e-5
extract: {normalize: false}
profile: {half_life_days: 30.5, fairness: {groups: [region, "age band"]}}
)");
  EXPECT_EQ(settings.run.directory, "runs/a b");
  EXPECT_EQ(settings.run.seed, 0);
  EXPECT_EQ(settings.runtime.threads.value, 3);
  EXPECT_THAT(settings.prepare.sources.at(0).fields, ElementsAre(Pair("7", "x"), Pair("text", "no")));
  EXPECT_TRUE(settings.prepare.clean.nfkc);
  EXPECT_EQ(settings.prepare.split.train, 1.0);
  EXPECT_EQ(settings.prepare.split.validation, 0.0);
  EXPECT_EQ(settings.prepare.split.stratify, "label");
  EXPECT_FALSE(settings.model.checkpoint.has_value());
  EXPECT_TRUE(settings.model.max_length.is_auto());
  EXPECT_EQ(settings.train.heads.size(), 2u);
  EXPECT_EQ(settings.train.heads[0].weight, 0.5);
  EXPECT_EQ(settings.train.heads[1].weight, 1.0);
  EXPECT_EQ(settings.train.learning_rate, 3e-5);
  EXPECT_EQ(settings.extract.normalize.value, false);
  EXPECT_EQ(settings.profile.half_life_days.value, 30.5);
  EXPECT_THAT(settings.profile.fairness.groups, ElementsAre("region", "age band"));
  EXPECT_EQ(settings.profile.neighbors, Settings().profile.neighbors);
}

TEST(Config, EmptyDocumentAndEmptySectionAreTheDefaults) {
  EXPECT_EQ(print_settings(parse("")), print_settings(Settings()));
  EXPECT_EQ(print_settings(parse("train:\n#  seed: 1\nprofile: {}\n")), print_settings(Settings()));
}

TEST(Config, UnknownKeysNameTheNearest) {
  refuse("run:\n  directory: a\n  sed: 3\n", {"x.yaml:3:3:", "`run.sed`", "`run.seed`"});
  refuse("trian: {}", {"x.yaml:1:1:", "`trian`", "`train`"});
  refuse("train: {heads: [{name: a}, {nam: b}]}",
         {"x.yaml:1:29:", "`train.heads.1.nam`", "`train.heads.1.name`"});
  EXPECT_EQ(nearest("learning_rat", {"heads", "learning_rate", "lr_scheduler_type"}), "learning_rate");
}

TEST(Config, DuplicateKeysAreRefused) {
  refuse("run: {seed: 1}\nrun: {seed: 2}", {"x.yaml:2:1:", "`run`", "line 1"});
  refuse("run: {seed: 1, seed: 1}", {"x.yaml:1:16:", "`seed`"});
  refuse("prepare:\n  types: {a: number, a: time}", {"x.yaml:2:22:", "`a`"});
}

TEST(Config, WrongTypesAreRefused) {
  refuse("run: {seed: many}", {"x.yaml:1:13:", "run.seed is `many`", "a whole number"});
  refuse("run: {seed: '1'}", {"in quotes"});
  refuse("run: {seed: 1.0}", {"run.seed is `1.0`"});
  refuse("run: {seed: 1e3}", {"run.seed is `1e3`"});
  refuse("run: {seed: +1}", {"run.seed"});
  refuse("run: {seed: 0x10}", {"run.seed"});
  refuse("run: {seed: 1_000}", {"run.seed"});
  refuse("run: {seed: null}", {"run.seed is nothing"});
  refuse("run: {seed: [1]}", {"run.seed is a list"});
  refuse("run: {directory: null}", {"run.directory is nothing", "a text"});
  refuse("run: {directory: {a: b}}", {"run.directory is a section"});
  refuse("run: 3", {"run is `3`", "a section"});
  refuse("- run", {"the configuration is a list"});
  refuse("train: {heads: {name: a}}", {"train.heads is a section", "a list"});
  refuse("train: {learning_rate: 1e-5x}", {"train.learning_rate", "number"});
  refuse("train: {learning_rate: .inf}", {"train.learning_rate", "finite"});
  refuse("train: {learning_rate: nan}", {"train.learning_rate", "finite"});
  refuse("extract: {normalize: maybe}", {"extract.normalize", "auto or true or false"});
  refuse("prepare: {types: [a]}", {"prepare.types is a list"});
  for (const char* word : {"yes", "no", "on", "off", "True", "FALSE", "y", "1"}) {
    refuse(fmt::format("prepare: {{clean: {{nfkc: {}}}}}", word), {"prepare.clean.nfkc", "true or false"});
  }
}

TEST(Config, RangesAndChoicesAreKept) {
  refuse("run: {seed: -1}", {"x.yaml:1:13:", "run.seed is -1", "from 0 to"});
  refuse("train: {warmup_ratio: 1.5}", {"train.warmup_ratio is 1.5", "from 0 to 1"});
  refuse("runtime: {threads: 0}", {"runtime.threads is 0"});
  refuse("run: {seed: 99999999999999999999}", {"beyond 64 bits"});
  refuse("train: {learning_rate: 1e999}", {"beyond"});
  refuse("runtime: {device: gpu}", {"x.yaml:1:19:", "runtime.device is `gpu`", "auto, cpu, cuda"});
  refuse("runtime: {device: cudaa}", {"did you mean `cuda`"});
}

TEST(Config, LeadingZerosAreRefused) {
  refuse("run: {seed: 010}", {"x.yaml:1:13:", "`010`", "leading zero"});
  refuse("run: {seed: -01}", {"leading zero"});
  refuse("train: {weight_decay: 00.5}", {"leading zero"});
  EXPECT_EQ(parse("train: {weight_decay: 0.5}").train.weight_decay, 0.5);
  EXPECT_EQ(parse("run: {seed: 0}").run.seed, 0);
}

TEST(Config, YamlTricksAreRefused) {
  refuse("run: &a {seed: 1}", {"x.yaml:1:6:", "anchors"});
  refuse("run: &a {seed: 1}\nother: *a", {"anchors"});
  refuse("run: *a", {"x.yaml:1:"});
  refuse("run: &a [*a]", {"x.yaml:1:6:"});
  refuse("run: {seed: !!int 1}", {"x.yaml:1:13:", "tags"});
  refuse("run: {seed: 1}\n---\nrun: {seed: 2}", {"second document"});
  refuse("run: {seed: 1", {"x.yaml:", "not valid YAML"});
  refuse("run:\n\tseed: 1", {"x.yaml:2:6:", "not valid YAML"});
  refuse("? [a]\n: 1", {"a key is a word"});
  refuse(std::string(600, '[') + std::string(600, ']'), {"x.yaml:1:"});
  refuse("# " + std::string(1 << 20, 'x'), {"1 MiB"});
}

// What is read is written into config.yaml and run.json, which are UTF-8.
TEST(Config, OtherEncodingsAreRefused) {
  refuse("run:\n  directory: caf\xe9\n", {"UTF-8", ":2:1"});
  refuse("", {"UTF-8"}, {"run.directory=caf\xe9"});
  refuse("", {"UTF-8"}, {"caf\xe9=1"});
  // yaml-cpp would read these as UTF-16 and UTF-32.
  refuse(std::string("r\0u\0n\0:\0", 8), {"zero byte", ":1:1"});
  refuse(std::string("\1\0\0\0t{[,", 8), {"zero byte", ":1:1"});
}

TEST(Config, OverridesComeLast) {
  const std::string yaml = "run: {seed: 1}\ntrain:\n  heads: [{name: a, field: f}, {name: b, field: g}]\n";
  const Settings settings =
      parse(yaml, {"run.seed=5", "run.seed=6", "train.heads.1.name=z", "train.max_steps=3",
                   "runtime.threads=auto", "profile.fairness.groups=[a, b]", "run.directory=a=b",
                   "model.checkpoint=folder/x", "prepare.split={by: customer}"});
  EXPECT_EQ(settings.run.seed, 6);
  EXPECT_EQ(settings.run.directory, "a=b");
  EXPECT_EQ(settings.train.heads[0].name, "a");
  EXPECT_EQ(settings.train.heads[1].name, "z");
  EXPECT_EQ(settings.train.heads[1].field, "g");
  EXPECT_EQ(settings.train.max_steps, 3);
  EXPECT_EQ(settings.model.checkpoint, "folder/x");
  EXPECT_EQ(settings.prepare.split.by, "customer");
  EXPECT_THAT(settings.profile.fairness.groups, ElementsAre("a", "b"));
  EXPECT_EQ(parse("", {"run.seed=4"}).run.seed, 4);
}

TEST(Config, WrongOverridesAreRefused) {
  const std::string yaml = "train: {heads: [{name: a}]}";
  refuse(yaml, {"override `train.heads.1.name=x`", "1 elements"}, {"train.heads.1.name=x"});
  refuse(yaml, {"override `train.heads.x.name=x`"}, {"train.heads.x.name=x"});
  refuse(yaml, {"profile.regressions=["}, {"profile.regressions.0.l2=1"});
  refuse(yaml, {"override `train.learning_rat=1`", "`train.learning_rate`"}, {"train.learning_rat=1"});
  refuse(yaml, {"override `run.seed=x`", "whole number"}, {"run.seed=x"});
  refuse("run: {seed: 1}", {"`run.seed` is a value"}, {"run.seed.x=1"});
  for (const char* wrong : {"seed", "=1", "run..seed=1", "run.seed.=1", ".run=1"}) {
    refuse(yaml, {fmt::format("override `{}`", wrong)}, {wrong});
  }
}

TEST(Config, PrintedSettingsReadBack) {
  Settings settings;
  settings.run.directory = "a: \"quoted\" # path\n\xe4\xb8\xad";
  settings.model.checkpoint = "null";
  settings.runtime.threads.value = 7;
  settings.extract.normalize.value = true;
  settings.train.learning_rate = 0.1 + 0.2;
  settings.train.weight_decay = 1e-300;
  settings.train.heads = {HeadSettings(), HeadSettings()};
  settings.train.heads[0].name = "true";
  settings.train.heads[1].name = "- x";
  settings.prepare.sources.resize(1);
  settings.prepare.sources[0].fields = {{"a b", "c"}, {"7", "*"}, {"yes", "~"}};
  settings.profile.fairness.groups = {"a", "", " b", "1e5"};
  settings.profile.regressions.resize(1);
  settings.profile.regressions[0].attributes = {"x"};
  const std::string text = print_settings(settings);
  const Settings back = parse(text);
  EXPECT_EQ(print_settings(back), text);
  EXPECT_EQ(back.run.directory, settings.run.directory);
  EXPECT_EQ(back.model.checkpoint, "null");
  EXPECT_EQ(back.train.learning_rate, settings.train.learning_rate);
  EXPECT_EQ(back.train.weight_decay, settings.train.weight_decay);
  EXPECT_EQ(back.train.heads[1].name, "- x");
  EXPECT_EQ(back.prepare.sources[0].fields, settings.prepare.sources[0].fields);
  EXPECT_EQ(back.profile.fairness.groups, settings.profile.fairness.groups);
}

TEST(Config, OneSectionIsPartOfTheWhole) {
  const std::string section = print_section(Settings(), "extract");
  EXPECT_THAT(section, testing::StartsWith("extract:\n"));
  EXPECT_THAT(print_settings(Settings()), HasSubstr(section));
  EXPECT_THAT(section, testing::Not(HasSubstr("train")));
  expect_error(ExitCode::internal, {"`other`"}, [] { print_section(Settings(), "other"); });
}

TEST(Config, FilesAreRead) {
  const TemporaryFolder folder;
  write_file(folder.path() / "a.yaml", "run: {seed: 3}\n");
  EXPECT_EQ(read_settings(folder.path() / "a.yaml", {"runtime.device=cpu"}).run.seed, 3);
  expect_error(ExitCode::missing_input, {"b.yaml"}, [&] { read_settings(folder.path() / "b.yaml", {}); });
}

TEST(Config, ReferenceNamesEverySection) {
  const std::string page = settings_reference();
  for (const char* part :
       {"## `run`", "### `prepare.sources[]`", "### `train.heads[]`", "| `learning_rate` | number |",
        "whole number or `auto`", "`linear`, `cosine`, `constant`", "values parted by \\|"}) {
    EXPECT_THAT(page, HasSubstr(part));
  }
}

}  // namespace
}  // namespace limner
