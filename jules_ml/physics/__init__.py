"""Published JULES equations as pure functions on tensors: batched, differentiable, in single or double precision."""
