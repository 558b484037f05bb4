# Installs the program, and the library for find_package(reflex).
include(GNUInstallDirs)
