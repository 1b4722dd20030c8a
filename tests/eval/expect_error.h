// That a call ends with an error that says something.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "src/core/error.h"

namespace tmpq {

void ExpectError(const auto& call, const std::string& part) {
  try {
    call();
    ADD_FAILURE() << "no error; it should say " << part;
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos)
        << part << " not in: " << error.what();
  }
}

}  // namespace tmpq
