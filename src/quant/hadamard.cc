#include "src/quant/hadamard.h"

namespace tmpq {
namespace {

bool IsPrime(int64_t n) {
  if (n < 2) return false;
  for (int64_t d = 2; d * d <= n; ++d) {
    if (n % d == 0) return false;
  }
  return true;
}

// 1 for squares modulo q, -1 for other residues, 0 for 0.
std::vector<int> QuadraticCharacters(int64_t q) {
  std::vector<int> characters(q, -1);
  for (int64_t i = 1; i < q; ++i) characters[i * i % q] = 1;
  characters[0] = 0;
  return characters;
}

// The bordered matrix of characters of differences: 0 on the diagonal, else +1 and -1.
std::vector<int> ConferenceMatrix(int64_t q) {
  const std::vector<int> characters = QuadraticCharacters(q);
  const int64_t n = q + 1;
  const int corner = q % 4 == 3 ? -1 : 1;  // skew or symmetric
  std::vector<int> matrix(n * n, 0);
  for (int64_t i = 1; i < n; ++i) {
    matrix[i] = 1;
    matrix[i * n] = corner;
    for (int64_t j = 1; j < n; ++j) matrix[i * n + j] = characters[(i - j + q) % q];
  }
  return matrix;
}

// I + S for the skew S of a prime q = 3 mod 4.
std::vector<int8_t> PaleyOne(int64_t q) {
  const std::vector<int> skew = ConferenceMatrix(q);
  std::vector<int8_t> matrix(skew.begin(), skew.end());
  for (int64_t i = 0; i <= q; ++i) matrix[i * (q + 2)] = 1;
  return matrix;
}

// C kron (1 1; 1 -1) + I kron (1 -1; -1 -1) for the symmetric C of a prime q = 1 mod 4.
std::vector<int8_t> PaleyTwo(int64_t q) {
  const std::vector<int> symmetric = ConferenceMatrix(q);
  const int64_t half = q + 1, n = 2 * half;
  std::vector<int8_t> matrix(n * n);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      const bool both = i % 2 == 1 && j % 2 == 1, none = i % 2 == 0 && j % 2 == 0;
      const int c = symmetric[i / 2 * half + j / 2];
      const int value = i / 2 == j / 2 ? (none ? 1 : -1) : (both ? -c : c);
      matrix[i * n + j] = static_cast<int8_t>(value);
    }
  }
  return matrix;
}

}  // namespace

std::optional<Hadamard> HadamardOf(int64_t size) {
  if (size < 1) return std::nullopt;
  int64_t odd = size;
  while (odd % 2 == 0) odd /= 2;
  if (odd == 1) return Hadamard{1, size, {}};
  for (int64_t order = 4 * odd; size % order == 0; order *= 2) {
    if (IsPrime(order - 1)) return Hadamard{order, size / order, PaleyOne(order - 1)};
    const int64_t q = order / 2 - 1;
    if (q % 4 == 1 && IsPrime(q)) return Hadamard{order, size / order, PaleyTwo(q)};
  }
  return std::nullopt;
}

}  // namespace tmpq
