reflex_bench(gateway_bench LINK reflex_gateway)
