reflex_fuzzer(settings reflex_app)
reflex_fuzzer(eval_rows reflex_app)
