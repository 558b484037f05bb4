#include <unistd.h>

#include "app/main.h"

int main(int argc, char** argv) { return reflex::app::Main(argc, argv, environ); }
