reflex_bench(wire_bench LINK reflex_wire)
