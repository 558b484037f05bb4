#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace reflex {

/// What went wrong, as far as a caller may decide on it. The message beside it is for a person; never branch on its text.
enum class ErrorCode {
  kInvalidArgument,  ///< A value is outside what is allowed.
  kNotFound,         ///< The thing named does not exist.
  kCorrupt,          ///< Bytes that should be ours are damaged.
  kNewerFormat,      ///< Bytes were written by a newer version of the program.
  kFull,             ///< A bounded queue, map or disk has no room; the caller goes on without.
  kBusy,             ///< Another process or request holds the resource.
  kUnavailable,      ///< A remote part cannot be reached or refused.
  kTimeout,          ///< A time limit ran out.
  kCancelled,        ///< The caller asked to stop.
  kClosed,           ///< The peer closed the connection.
  kProtocol,         ///< The peer sent bytes that break the protocol.
  kUnsupported,      ///< The peer asked for something valid that is not built.
  kTooLarge,         ///< A size limit was exceeded.
  kIo,               ///< The operating system reported an error.
  kInternal,         ///< A library failed in a way that has no other code.
};

/// The code's stable lower-case name, as in logs and metrics, for example "invalid-argument".
std::string_view Name(ErrorCode code);

/// An error: the code decides what happens, the message names the file, id or setting for a person.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
};

/// Either a value or an Error. Discarding one is a compiler warning.
template <class T>
using Result = std::expected<T, Error>;

/// Shorthand for `return Fail(ErrorCode::kIo, "…")`.
inline std::unexpected<Error> Fail(ErrorCode code, std::string message) {
  return std::unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace reflex

#define REFLEX_CONCAT_INNER(a, b) a##b
#define REFLEX_CONCAT(a, b) REFLEX_CONCAT_INNER(a, b)

/// `REFLEX_TRY(auto value, Call());` assigns the value or returns the error from the enclosing function. Not for coroutines
/// (use REFLEX_CO_TRY) and, like it, not inside an unbraced `if`.
#define REFLEX_TRY(declaration, expression) REFLEX_TRY_INNER(REFLEX_CONCAT(result_, __LINE__), declaration, expression, return)
/// The same inside a coroutine; the expression may contain co_await.
#define REFLEX_CO_TRY(declaration, expression) \
  REFLEX_TRY_INNER(REFLEX_CONCAT(result_, __LINE__), declaration, expression, co_return)
/// For a Result<void>: returns its error from the enclosing function, or goes on.
#define REFLEX_CHECK(expression) \
  if (auto checked = (expression); !checked) return std::unexpected(std::move(checked).error())
/// The same inside a coroutine.
#define REFLEX_CO_CHECK(expression) \
  if (auto checked = (expression); !checked) co_return std::unexpected(std::move(checked).error())
#define REFLEX_TRY_INNER(name, declaration, expression, leave) \
  auto name = (expression);                                    \
  if (!name) leave std::unexpected(std::move(name).error());   \
  declaration = std::move(*name)
