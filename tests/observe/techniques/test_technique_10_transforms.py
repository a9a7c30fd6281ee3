"""Row 10: augmentation, and all else that is done to a sample before the loop gets it."""

import random
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import (
    ConcatDataset,
    DataLoader,
    Dataset,
    Subset,
    TensorDataset,
    default_collate,
)
from watched_training import facts, watching

from repro.facts.transforms import Role
from repro.observe.chance import is_random
from repro.observe.feed import connect
from repro.observe.loader import CountedLoader, WatchedLoader
from repro.observe.technique import Ending
from repro.observe.techniques.transforms import TransformsObserver


class Compose:
    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, x):
        for transform in self.transforms:
            x = transform(x)
        return x


class RandomApply(nn.Module):
    """A group with a probability of its own, as in torchvision."""

    def __init__(self, transforms, p=0.5):
        super().__init__()
        self.transforms = nn.ModuleList(transforms)
        self.p = p


class RandomCrop(nn.Module):
    def __init__(self, size, padding=None):
        super().__init__()
        self.size = size
        self.padding = padding

    def forward(self, x):
        return x[: self.size]


class Normalize(nn.Module):
    def __init__(self, mean, std):
        super().__init__()
        self.mean = mean
        self.std = std

    def forward(self, x):
        return (x - self.mean) / self.std


class Noise:
    """Random by its code, not by its name."""

    def __init__(self, scale, seed=0):
        self.scale = scale
        self.seed = seed
        self.n_calls = 0

    def __call__(self, x):
        self.n_calls += 1
        return x + self.scale * noise_like(x)


def noise_like(x):
    return torch.randn_like(x)


def double(x):
    return 2 * x


class TwoViews:
    def __init__(self, base_transform):
        self.base_transform = base_transform

    def __call__(self, x):
        return self.base_transform(x), self.base_transform(x)


class Pictures(Dataset):
    def __init__(self, transform=None, target_transform=None, n=4):
        self.rows = torch.arange(2.0 * n).reshape(n, 2)
        self.transform = transform
        self.target_transform = target_transform

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.transform(self.rows[index]) if self.transform else self.rows[index]


class Wrapped(Dataset):
    """Adds its own transform to a data set, as those who split first do."""

    def __init__(self, dataset, transform):
        self.dataset = dataset
        self.transform = transform

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        return self.transform(self.dataset[index])


def told(dataset, role="train", **options) -> Role:
    observer = TransformsObserver()
    observer.fed(DataLoader(dataset, batch_size=2, **options), role)
    (found,) = observer.at_end(Ending(n_steps=1)).roles
    return found


def steps(dataset, **options):
    """What each transform was made with; the class of the data set itself left out."""
    own = ("Pictures", "Wrapped")
    found = told(dataset, **options).steps
    return {step.name: step.settings for step in found if step.name not in own}


def test_technique_10_transforms_are_told_by_class_settings_and_order():
    found = told(Pictures(Compose([RandomCrop(2, padding=4), Normalize(0.5, 0.25)])))
    assert found.order == "Pictures > RandomCrop > Normalize"
    crop, normalize = found.steps[1:]
    assert (crop.settings, crop.is_random) == ("padding=4, size=2", True)
    assert (normalize.settings, normalize.fitted) == ("none", "mean=0.5, std=0.25")
    assert normalize.is_random is False
    assert found.is_random is True


def test_technique_10_transforms_in_another_order_are_others():
    one, other = RandomCrop(2), Normalize(0.5, 0.25)
    assert (
        told(Pictures(Compose([one, other]))).order != told(Pictures(Compose([other, one]))).order
    )


def test_technique_10_transforms_read_well_in_a_difference():
    observer = TransformsObserver()
    observer.fed(DataLoader(Pictures(RandomCrop(2))), "train")
    flat = observer.at_end(Ending(n_steps=1)).flat()
    assert flat["transforms.train.steps.RandomCrop.settings"] == "padding=None, size=2"
    assert flat["transforms.train.collate"] == "default_collate"


@pytest.mark.parametrize(
    "group",
    [
        lambda parts: Compose(parts),
        lambda parts: nn.Sequential(*parts),
        lambda parts: list(parts),
        lambda parts: Compose([Compose(parts[:1]), *parts[1:]]),
    ],
    ids=["compose", "sequential", "list", "nested"],
)
def test_technique_10_transforms_in_any_group_are_its_parts(group):
    assert steps(Pictures(group([RandomCrop(2), RandomCrop(3)]))) == {
        "RandomCrop": "padding=None, size=2",
        "RandomCrop-2": "padding=None, size=3",
    }


def test_technique_10_transforms_of_a_group_with_settings_stand_below_it():
    assert steps(Pictures(Compose([RandomApply([RandomCrop(2)], p=0.3)]))) == {
        "RandomApply": "p=0.3",
        "RandomApply/RandomCrop": "padding=None, size=2",
    }
    assert list(steps(Pictures(TwoViews(Noise(0.1))))) == [
        "TwoViews",
        "TwoViews/base_transform/Noise",
    ]


def test_technique_10_transforms_of_the_label_say_so():
    assert list(steps(Pictures(Noise(0.1), target_transform=double))) == [
        "Noise",
        "target_transform/double",
    ]


def test_technique_10_transforms_given_by_several_names_are_told_once():
    dataset, noise = Pictures(Noise(0.1)), Compose([])
    dataset.transforms = noise
    noise.transforms = [dataset.transform]
    assert list(steps(dataset)) == ["Noise"]


def test_technique_10_transforms_of_data_sets_inside_come_first():
    inner = Subset(Pictures(Noise(0.1)), [0, 1])
    found = told(Wrapped(inner, RandomCrop(2)))
    assert found.dataset == "Wrapped > Subset > Pictures"
    assert found.order == "Pictures > Noise > Wrapped > RandomCrop"


def test_technique_10_transforms_of_data_sets_side_by_side_are_told_once_if_they_are_equal():
    both = ConcatDataset([Pictures(Noise(0.1)), Pictures(Noise(0.1))])
    assert list(steps(both)) == ["Noise"]
    other = ConcatDataset([Pictures(Noise(0.1)), Pictures(Noise(0.2))])
    assert steps(other) == {"Noise": "scale=0.1", "Noise-2": "scale=0.2"}


def test_technique_10_transforms_of_ones_own_are_told_by_their_code():
    one, same, other = (
        told(Pictures(transform)).steps[1]
        for transform in (lambda x: x + 1, lambda x: x + 1, lambda x: x + 2)
    )
    assert one.name == "<lambda>"
    assert one == same
    assert one.source_digest != other.source_digest
    assert one.definition_digest != other.definition_digest is not None


def test_technique_10_transforms_that_are_partials_tell_what_is_bound():
    def scaled(x, factor):
        return x * factor

    assert steps(Pictures(partial(scaled, factor=3))) == {"scaled": "factor=3"}
    assert steps(Pictures(partial(torch.clamp, min=0.0))) == {"torch.clamp": "min=0.0"}


def test_technique_10_transforms_keep_no_state_and_no_seed():
    noise = Noise(0.1, seed=1)
    before = steps(Pictures(noise))
    noise(torch.ones(2))
    assert before == steps(Pictures(noise)) == steps(Pictures(Noise(0.1, seed=2)))


def test_technique_10_transforms_fitted_to_the_rows_may_differ_between_folds():
    observer = TransformsObserver()
    mean = torch.tensor([1.0, 2.0])
    observer.fed(DataLoader(Pictures(Normalize(mean, (0.2, 0.3)))), "train")
    fact = observer.at_end(Ending(n_steps=1))
    assert fact.roles[0].steps[1].fitted.startswith("mean=2 rows ")
    assert "transforms.*.steps.*.fitted" in fact.PER_REPLICATE


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        (RandomCrop(2), True),
        (Noise(0.1), True),
        (nn.Dropout(0.5), True),
        (RandomApply([], p=0), False),
        (partial(RandomCrop(2)), True),
        (lambda x: x + random.random(), True),
        (lambda x: x + np.random.default_rng().normal(), True),
        (lambda x: [x for _ in range(random.randrange(3))], True),
        (double, False),
        (Normalize(0.5, 0.2), False),
        (nn.Linear(2, 2), False),
        (nn.Sequential(), False),
        (Compose([]), False),
        (torch.clamp, None),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_technique_10_augmentation_is_known_by_name_or_code(transform, expected):
    assert is_random(transform) is expected


def test_technique_10_augmentation_is_certain_if_one_transform_is_random_for_sure():
    assert told(Pictures(Compose([RandomCrop(2), torch.clamp]))).is_random is True
    assert told(Pictures(Compose([double, torch.clamp]))).is_random is None
    assert told(Pictures(RandomApply([Normalize(0.5, 0.25)], p=0))).is_random is False


def test_technique_10_augmentation_inside_of_the_data_set_is_seen_in_its_code():
    class Augmenting(Pictures):
        def __getitem__(self, index):
            return self.rows[index] + noise_like(self.rows[index])

    class Plain(Pictures):
        def __init__(self):
            super().__init__()
            self.order = torch.randperm(4)  # drawn once

    assert told(Augmenting()).is_random is True
    assert told(Plain()).is_random is False
    assert told(Augmenting()).steps[0].source_digest != told(Plain()).steps[0].source_digest


def test_technique_10_transforms_of_a_library_data_set_without_any_are_none():
    found = told(TensorDataset(torch.ones(4, 2)))
    assert (found.order, found.steps, found.is_random) == ("none", (), False)


def test_technique_10_transforms_in_the_collate_function_are_told():
    def mixing(samples):
        return default_collate(samples)

    found = told(Pictures(), collate_fn=mixing)
    assert found.collate == "mixing"
    assert found.collate_digest is not None
    assert told(Pictures()).collate_digest is None
    bound = told(Pictures(), collate_fn=partial(mixing))
    assert bound.collate == "mixing"


def test_technique_10_transforms_are_looked_at_when_the_first_batch_comes():
    observer, dataset = TransformsObserver(), Pictures()
    observer.fed(DataLoader(dataset), "train")
    dataset.transform = Noise(0.1)
    observer.batch(None, "train")
    dataset.transform = None  # after that, it is another loader's matter
    (role,) = observer.at_end(Ending(n_steps=1)).roles
    assert role.order == "Pictures > Noise"


def test_technique_10_transforms_of_training_and_evaluation_are_told_apart():
    with watching() as training:
        for role, transform in (("train", Noise(0.1)), ("test", None)):
            loader = CountedLoader(Pictures(transform), batch_size=2)
            connect(loader, role, training, None)
            list(loader)
        train, test = facts(training)["transforms"].roles
    assert (train.role, train.is_random) == ("train", True)
    assert (test.role, test.is_random) == ("test", False)


def test_technique_10_transforms_of_a_loader_for_each_epoch_are_told_once_unless_they_change():
    observer = TransformsObserver()
    for size in (2, 2, 3):
        observer.fed(DataLoader(Pictures(RandomCrop(size))), "train")
    first, second = observer.at_end(Ending(n_steps=1)).roles
    assert (first.role, second.role) == ("train", "train-2")
    assert second.steps[1].settings == "padding=None, size=3"


def test_technique_10_transforms_of_a_loader_of_ones_own_are_those_that_it_holds():
    class Batches:
        def __init__(self, transform):
            self.transform = transform

        def __iter__(self):
            order = torch.randperm(4).tolist()
            return iter([self.transform(torch.ones(2) * number) for number in order])

    observer = TransformsObserver()
    observer.fed(WatchedLoader(Batches(double)), "train")
    (role,) = observer.at_end(Ending(n_steps=1)).roles
    assert role.order == "Batches > double"
    assert role.is_random is None  # the order is, and the rows may be
    assert role.collate == "none"


def test_technique_10_transforms_are_never_called():
    class Alarming(nn.Module):
        def forward(self, x):
            raise AssertionError("called")

        __call__ = forward

    state = torch.get_rng_state()
    assert list(steps(Pictures(Alarming()))) == ["Alarming"]
    assert torch.equal(state, torch.get_rng_state())


def test_technique_10_transforms_without_a_loader_say_what_to_call():
    absent = TransformsObserver().at_end(Ending(n_steps=3))
    assert absent.kind == "not_recorded"
    assert absent.reason == (
        "no loader was seen: run.dataloader(dataset, role=...), "
        "or loader = run.watch_loader(loader, role=...)"
    )
    assert TransformsObserver().at_end(Ending(n_steps=0)).kind == "not_applicable"
