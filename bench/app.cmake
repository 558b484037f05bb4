reflex_bench(app_bench LINK reflex_app)
