from repro.audit.layer_diff import layer_changes
from repro.facts.architecture import EXAMPLE, Architecture, Layer


def model(**kinds: tuple[str, int]) -> Architecture:
    layers = tuple(
        Layer(path=path.replace("__", "."), kind=kind, n_parameters=size)
        for path, (kind, size) in kinds.items()
    )
    return EXAMPLE.but(layers=layers)


def changes(left: Architecture, right: Architecture) -> list[tuple[str, str]]:
    return [(item.path, item.change) for item in layer_changes(left, right)]


def test_a_module_that_changed_is_one_line_and_the_others_stay() -> None:
    left = model(conv=("Conv2d", 160), norm=("BatchNorm2d", 32), fc=("Linear", 10))
    right = model(conv=("Conv2d", 160), norm=("GroupNorm", 32), fc=("Linear", 20))
    assert changes(left, right) == [("conv", "same"), ("norm", "changed"), ("fc", "changed")]


def test_new_modules_stand_where_the_second_tree_has_them() -> None:
    left = model(conv=("Conv2d", 160), fc=("Linear", 10))
    right = model(conv=("Conv2d", 160), drop=("Dropout", 0), fc=("Linear", 10))
    assert changes(left, right) == [("conv", "same"), ("drop", "added"), ("fc", "same")]
    assert changes(right, left) == [("conv", "same"), ("drop", "removed"), ("fc", "same")]


def test_depth_is_the_number_of_modules_around() -> None:
    (item,) = layer_changes(model(a__b__c=("Linear", 1)), model(a__b__c=("Linear", 1)))
    assert item.depth == 2


def test_a_kernel_of_another_size_is_a_change_and_settings_that_were_not_recorded_are_none() -> (
    None
):
    (layer,) = EXAMPLE.layers
    larger = layer.model_copy(update={"settings": "1, 16, kernel_size=(5, 5)"})
    older = layer.model_copy(update={"settings": None})
    left = EXAMPLE.but(layers=(layer,))
    assert changes(left, EXAMPLE.but(layers=(larger,))) == [("conv", "changed")]
    assert changes(left, EXAMPLE.but(layers=(older,))) == [("conv", "same")]
    assert changes(EXAMPLE.but(layers=(older,)), left) == [("conv", "same")]
