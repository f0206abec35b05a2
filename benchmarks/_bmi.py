"""Measures of the BMI component: pointers, restart, many columns, and the adapters of frameworks."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from jules_ml.column.run import run_column
from jules_ml.experiment import load_experiment
from jules_ml.frameworks.bmi import SoilColumnBmi
from jules_ml.frameworks.coupled import CoupledComponent
from jules_ml.frameworks.setup import read_setup
from jules_ml.frameworks.stepping import EagerStepping, Exchange, KernelStepping, Stepping
from jules_ml.frameworks.variables import WEATHER
from jules_ml.physics.compilation import can_compile
from jules_ml.physics.integration import integrate
from jules_ml.physics.surface import Forcing

_DAY = 86400.0


def initialised(path: Path) -> SoilColumnBmi:
    component = SoilColumnBmi()
    component.initialize(str(path))
    return component


def with_component(path: Path, text: str) -> Path:
    """Experiment with a section ``[component]``, beside another one."""
    new = path.with_name(f"component_{abs(hash(text))}.toml")
    new.write_text(path.read_text(encoding="utf-8") + f"\n[component]\n{text}\n", encoding="utf-8")
    return new


def weather_of(path: Path) -> dict[str, NDArray[np.float64]]:
    """Weather of each step, by the names of the inputs."""
    record = read_setup(path).record
    assert record is not None
    return dict(zip(WEATHER, record.T, strict=True))


def rain_by_pointer_and_by_value(path: Path) -> tuple[float, float]:
    """Water gained in two hours [kg m-2] with 7.2 kg m-2 of rain, written to the pointer once, and set once."""
    gains = []
    for pointer in (True, False):
        dry, wet = initialised(path), initialised(path)
        for component in (dry, wet):
            component.update_until(_DAY / 2.0)
        dry.set_value("tot_rain", np.zeros(1))
        if pointer:
            wet.get_value_ptr("tot_rain")[:] = 1e-3
        else:
            wet.set_value("tot_rain", np.array([1e-3]))
        for component in (dry, wet):
            component.update_until(_DAY / 2.0 + 7200.0)
        gains.append(float((wet.get_value_ptr("smcl") - dry.get_value_ptr("smcl")).sum()))
    return gains[0], gains[1]


def bytes_that_differ_after_restart(path: Path) -> int:
    """Bytes of the state that differ between a run and one that was saved to a file, and restored, on its way."""
    whole, first = initialised(path), initialised(path)
    whole.update_until(2.0 * _DAY)
    first.update_until(0.7 * _DAY)
    first.save_state(path.with_name("half.state"))
    second = initialised(path)
    second.restore_state(path.with_name("half.state"))
    second.update_until(2.0 * _DAY)
    one, two = (np.frombuffer(component.to_state(), dtype=np.uint8) for component in (whole, second))
    return abs(one.size - two.size) + int((one != two[: one.size]).sum())


def seconds_of(call: Callable[[], object]) -> float:
    """Processor time of a call [s]."""
    start = time.process_time()
    call()
    return time.process_time() - start


def cost_of_columns(path: Path, *, columns: int, days: int, rounds: int) -> dict[str, float]:
    """Processor time of a step [ms] of many columns with the same weather, the median of interleaved runs.

    ``record`` and ``coupled`` are a component with a record, and one whose inputs are all set before each step; ``batched`` is the batched
    column, and ``stepwise`` the batched column one step at a time.
    """
    places = np.linspace(50.0, 60.0, columns).round(5).tolist()
    section = f"latitude = {places}\nlongitude = {places}"
    components = {
        "record": compiled_component(path, section),
        "coupled": compiled_component(path, f'mode = "coupled"\n{section}'),
    }
    calls, steps = plain_columns(with_component(path, section), columns=columns, days=days)
    weather = {name: np.repeat(x[:steps, None], columns, axis=1) for name, x in weather_of(path).items()}

    def coupled() -> None:
        component = components["coupled"]
        for step in range(steps):
            for name, values in weather.items():
                component.set_value(name, values[step])
            component.update()

    calls |= {"record": lambda: components["record"].update_until(_DAY * days), "coupled": coupled}
    starts = {name: component.to_state() for name, component in components.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name, component in components.items():
            component.from_state(starts[name])
        for name, call in calls.items():
            seconds = seconds_of(call)
            if number:  # the first round compiles
                times[name].append(seconds)
    return {name: float(np.median(each)) / steps * 1e3 for name, each in times.items()}


def plain_columns(path: Path, *, columns: int, days: int) -> tuple[dict[str, Callable[[], None]], int]:
    """Ways to step the batched column of an experiment without a component, and the number of steps."""
    setup, steps = read_setup(path), 48 * days
    assert setup.record is not None
    forcing = Forcing(*(torch.from_numpy(x)[:steps, None].expand(-1, columns).contiguous() for x in setup.record.T))
    variables = SoilColumnBmi.variables.values()
    outputs = {v.jules: columns * (len(setup.depths) if v.grid else 1) for v in variables if v.role != "input"}
    arrays = [np.array(x[0].numpy()) for x in forcing]
    exchange = Exchange(Forcing, arrays, outputs)
    kind = KernelStepping if can_compile() else EagerStepping
    column: Stepping = kind(setup.column, setup.state, exchange)

    def stepwise() -> None:
        for step in range(steps):
            for array, values in zip(arrays, forcing, strict=True):
                array[...] = values[step].numpy()
            column.step()

    def batched() -> None:
        integrate(setup.column, setup.state, forcing, outputs=tuple(outputs), compiled=can_compile())

    return {"stepwise": stepwise, "batched": batched}, steps


def compiled_component(path: Path, section: str) -> SoilColumnBmi:
    """Component whose steps are compiled."""
    new = with_component(path, section)
    new.write_text(new.read_text(encoding="utf-8").replace("compiled = false", "compiled = true"), encoding="utf-8")
    return initialised(new)


def largest_difference(component: CoupledComponent, expected: dict[str, NDArray[np.float64]]) -> float:
    """Largest relative difference of values of a component from those of the plain column."""
    return max(
        float(np.max(abs(component.get_value_ptr(name) - values) / np.maximum(abs(values), 1e-12)))
        for name, values in expected.items()
    )


def plain_column(path: Path) -> dict[str, NDArray[np.float64]]:
    """Last water and temperature of the column without a framework."""
    output = run_column(load_experiment(path)).output
    return {name: output[name].to_numpy()[-1] for name in ("smcl", "t_soil")}


def difference_coupled(path: Path) -> float:
    """Largest relative difference of a coupled component, with weather set in each step, from the column."""
    weather = weather_of(path)
    component = initialised(with_component(path, 'mode = "coupled"'))
    for step in range(len(weather[next(iter(weather))])):
        for name, values in weather.items():
            component.set_value(name, values[step : step + 1])
        component.update()
    return largest_difference(component, plain_column(path))


def with_land_surface(path: Path) -> Path:
    """Experiment with JULES's land surface, whose sun needs the start of a coupled run."""
    text = path.read_text(encoding="utf-8").replace("[surface]", "[physics]\n\n[surface]", 1)
    record = text[text.index("[data]") :]
    start = next(line for line in record.splitlines() if line.startswith("start"))
    new = path.with_name("land.toml")
    new.write_text(text.replace("mean_over = 1\n", f"mean_over = 1\n{start}\n"), encoding="utf-8")
    return new


def difference_ngen(path: Path) -> float:
    """The same with the forcing of ngen."""
    ngen = importlib.import_module("jules_ml.frameworks.ngen")
    by_jules = {WEATHER[name].jules: values for name, values in weather_of(path).items()}
    component = ngen.BmiJulesSoil()
    component.initialize(str(with_component(path, 'mode = "coupled"')))
    total = by_jules["tot_rain"] + by_jules["tot_snow"]
    nothing = np.zeros_like(total)
    columns = [by_jules["sw_down"], by_jules["lw_down"], total, by_jules["t_air"], by_jules["wind"], nothing]
    forcing = dict(zip(ngen.AORC, [*columns, by_jules["pstar"], by_jules["q"]], strict=True))
    for step in range(len(total)):
        for name, values in forcing.items():
            component.set_value(name, values[step : step + 1])
        component.update()
    return largest_difference(component, plain_column(path))


def difference_finam(path: Path) -> float:
    """The same in FINAM."""
    import finam

    from jules_ml.frameworks.finam import SoilColumnComponent

    weather = weather_of(path)
    kept: dict[str, NDArray[np.float64]] = {}
    soil = SoilColumnComponent(path, inputs=list(WEATHER), outputs=["smcl", "t_soil"])
    soil.initialize()
    first, step = soil.time, soil.next_time - soil.time

    def at(values: NDArray[np.float64]) -> Callable[..., float]:
        return lambda now: float(values[max(round((now - first) / step) - 1, 0)])

    def note(name: str) -> Callable[..., None]:
        return lambda _, data, now: kept.update({name: np.array(finam.data.get_magnitude(data))[0]})

    soil = SoilColumnComponent(path, inputs=list(WEATHER), outputs=["smcl", "t_soil"])
    infos = {n: finam.Info(time=None, grid=finam.NoGrid(), units=v.units) for n, v in WEATHER.items()}
    source = finam.components.CallbackGenerator(
        {WEATHER[n].jules: (at(values), infos[n]) for n, values in weather.items()}, start=first, step=step
    )
    sinks = {
        name: finam.components.DebugPushConsumer(
            {"In": finam.Info(time=None, grid=None, units=None)}, callbacks={"In": note(name)}
        )
        for name in ("smcl", "t_soil")
    }
    composition = finam.Composition([source, soil, *sinks.values()], log_level=50)
    for variable in WEATHER.values():
        source.outputs[variable.jules] >> soil.inputs[variable.jules]
    for name, sink in sinks.items():
        soil.outputs[name] >> sink.inputs["In"]
    composition.run(start_time=first, end_time=first + step * len(weather[next(iter(weather))]))
    expected = plain_column(path)
    return max(float(np.max(abs(kept[name] - values) / abs(values))) for name, values in expected.items())
