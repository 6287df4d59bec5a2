"""What runs in processes of its own: the contestants' applications, their workers, and what submits to them.

They are told what they need by the environment (bench/comparing/contestants/), and know nothing of Taskyard.
"""
