"""The forward step as a C++ kernel that is generated from the torch form of the physics."""
