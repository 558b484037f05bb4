reflex_fuzzer(http_head reflex_http)
reflex_fuzzer(http_chunked reflex_http)
