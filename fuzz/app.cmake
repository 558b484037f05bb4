reflex_fuzzer(settings reflex_app)
