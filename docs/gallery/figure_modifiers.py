"""
JULES's moisture and temperature modifiers
==========================================

f(θ) and g(T) of JULES's soil respiration for its schemes with one and four pools (:mod:`jules_ml.physics.respiration`).
"""

import matplotlib.pyplot as plt
import torch

from jules_ml.physics.respiration import fsth, ftemp_q10, ftemp_rothc

wetness = torch.linspace(0.0, 1.0, 201)
sm_wilt, sm_sat = torch.tensor(0.13), torch.tensor(0.46)
t_soil = torch.linspace(258.0, 308.0, 201)

figure, (moisture, temperature) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
for pools in (1, 4):
    moisture.plot(wetness, fsth(wetness, sm_wilt, sm_sat, pools=pools), label=f"{pools} pool{'s' * (pools > 1)}")
moisture.set(xlabel="Wetness [1]", ylabel="f [1]", title="Moisture modifier")
moisture.legend()
temperature.plot(t_soil, ftemp_q10(t_soil), label="Q10 = 2")
temperature.plot(t_soil, ftemp_rothc(t_soil), label="RothC")
temperature.set(xlabel="Soil temperature [K]", ylabel="g [1]", title="Temperature modifier")
temperature.legend()
plt.show()
