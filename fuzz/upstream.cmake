reflex_fuzzer(response_head reflex_http)
reflex_fuzzer(decode reflex_http)
