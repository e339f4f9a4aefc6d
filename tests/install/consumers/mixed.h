#pragma once
#include <string>

std::string text_from_cpp23();
