// The backward pass keeps its matrices transposed, one column of C to a row [DP] of memory: W u, G insertion and W dpre
// then need no sum across lanes, only k G does, and no column is padded.
#pragma once
#include "backward_state.h"

namespace {

// Into the transposed form and back, once a chain: all sizes share one copy of the code.
template <class A>
struct Tiles : Layout<A, 0, 0> {
  using L = Layout<A, 0, 0>;
  using typename L::S;
  using typename L::V;
  using L::C, L::D, L::DP;
  using L::L;

  // M [P, DP] <- the transpose of a + b, both [D, C]; b may be null.
  __attribute__((noinline)) void load(S* M, const S* a, const S* b) const {
    tiles([&](int64_t c, int64_t p, int64_t columns, int64_t e) {
      V rows[16];
      for (int i = 0; i < 16; i++) {
        const int64_t at = (e + i) * C() + c;
        rows[i] = e + i >= D() ? A::fill(0) : b ? A::add(some(a + at, columns), some(b + at, columns)) : some(a + at, columns);
      }
      A::transpose(rows);
      for (int64_t i = 0; i < columns; i++) A::store(M + (p + i) * DP() + e, rows[i]);
    });
  }

  // to [D, C] <- the transpose of M [P, DP].
  __attribute__((noinline)) void store(S* to, const S* M) const {
    tiles([&](int64_t c, int64_t p, int64_t columns, int64_t e) {
      V rows[16];
      for (int i = 0; i < 16; i++) rows[i] = i < columns ? A::load(M + (p + i) * DP() + e) : A::fill(0);
      A::transpose(rows);
      for (int64_t i = 0; i < 16 && e + i < D(); i++) store_some(to + (e + i) * C() + c, rows[i], columns);
    });
  }

 private:
  // Calls f(column of C, padded column, columns, first row) for tiles of at most 16 x 16.
  template <class F>
  inline __attribute__((always_inline)) void tiles(F&& f) const {
    this->parts([&](int64_t c, int64_t p, int64_t n) {
      for (int64_t i = 0; i < n; i += 16)
        for (int64_t e = 0; e < D(); e += 16) f(c + i, p + i, n - i < 16 ? n - i : int64_t(16), e);
    });
  }
  SRWM_INLINE V some(const S* from, int64_t count) {
    if (count == 16) return A::load(from);
    S lanes[16] = {};
    if (count == 4) std::memcpy(lanes, from, 4 * sizeof(S));
    else for (int64_t i = 0; i < count; i++) lanes[i] = from[i];
    return A::load(lanes);
  }
  SRWM_INLINE void store_some(S* to, V v, int64_t count) {
    if (count == 16) return A::store(to, v);
    S lanes[16];
    A::store(lanes, v);
    if (count == 4) std::memcpy(to, lanes, 4 * sizeof(S));
    else for (int64_t i = 0; i < count; i++) to[i] = lanes[i];
  }
};

template <class A, int HeadDim, int OutputDim>
struct Transposed : BackwardState<A, HeadDim, OutputDim> {
  using B = BackwardState<A, HeadDim, OutputDim>;
  using typename B::S;
  using typename B::V;
  using B::C, B::CV, B::D, B::DP, B::DV, B::P, B::Y, B::YP, B::YV;
  using B::W, B::G, B::v, B::u, B::dpre, B::x, B::difference, B::r, B::p, B::r_x, B::part_sum;
  using B::B;

  // How many columns a group (sixteen lanes of [y | q | k | beta]) has, rounded up to four; the pads stay zero.
  inline int64_t columns_of(int64_t group) const {
    const int part = this->part(group);
    if (part == 3) return 4;
    const int64_t behind = part == 0 ? Y() - 16 * group : D() - 16 * (group - YV() - (part - 1) * DV());
    return behind >= 16 ? 16 : (behind + 3) / 4 * 4;
  }

  // Calls f(number of columns, group) for groups `from` to `to` - 1 in order.
  template <class F>
  inline __attribute__((always_inline)) void groups(int64_t from, int64_t to, F&& f) const {
    constexpr bool full = HeadDim > 0 && HeadDim % 16 == 0 && OutputDim % 16 == 0;
    const int64_t last = CV() - 1;
    for (int64_t g = from; g < to && g < last; g++) {
      if constexpr (full) f(Int<16>{}, g);
      else f(Count{columns_of(g)}, g);
    }
    if (to > last) f(Int<4>{}, last);
  }

  // M [P, DP] <- the transpose of a + b, both [D, C]; b may be null.
  void load(S* M, const S* a, const S* b) const { Tiles<A>(D(), Y()).load(M, a, b); }
  // to [D, C] <- the transpose of M [P, DP].
  void store(S* to, const S* M) const { Tiles<A>(D(), Y()).store(to, M); }

  // Calls f(vectors, first vector) for blocks of lanes.
  template <class F>
  inline __attribute__((always_inline)) void lane_blocks(F&& f) const {
    int64_t d = 0;
    if constexpr (A::block == 4) {
      for (; d + 4 <= DV(); d += 4) f(Int<4>{}, d);
      if (d + 2 <= DV()) f(Int<2>{}, d), d += 2;
    }
    for (; d < DV(); d++) f(Int<1>{}, d);
  }

  // M [P, DP] <- M + columns outer lanes, over the first `count` rows of M.
  inline void add_outer(S* M, int64_t count, const S* columns, const S* lanes) const {
    for (int64_t c = 0; c < count; c++) {
      const V value = A::fill(columns[c]);
      for (int64_t d = 0; d < DP(); d += 16)
        A::store(M + c * DP() + d, A::fma(value, A::load(lanes + d), A::load(M + c * DP() + d)));
    }
  }

  // v <- k G; a null k stands for a G of zeros.
  inline void project(const S* k) {
    std::memset(v, 0, P() * sizeof(S));
    for (int64_t c = 0; k && c < P(); c++) {
      V sum = A::fill(0);
      for (int64_t i = 0; i < DP(); i += 16) sum = A::fma(A::load(k + i), A::load(G + c * DP() + i), sum);
      v[c] = A::sum(sum);
    }
  }

  // r_x <- M dpre over the columns of y.
  inline void apply_y(const S* M) {
    for (int64_t i = 0; i < DP(); i += 16) {
      V sum = A::fill(0);
      for (int64_t c = 0; c < Y(); c++) sum = A::fma(A::fill(dpre[c]), A::load(M + c * DP() + i), sum);
      A::store(r_x + i, sum);
    }
  }

  // Of the step whose k is given and whose v is known: u, W goes back to it, r and p.
  inline void start(const S* k) { sweep(false, true, k, 0, CV()); }

  // G takes the step at hand, r_x <- W dpre; then, if `walk`, `start` of the step before it, whose k is given. Meanwhile
  // another chain, if there is one, waits.
  template <class Other>
  inline void advance(const S* k_before, bool walk, Other* other) {
    if constexpr (B::is_small) {
      sweep(true, false, k_before, 0, 2);
      if (other) other->template stage<0>();
      sweep(true, false, k_before, 2, CV());
      if (other) other->template stage<1>();
      if (walk) sweep(false, true, k_before, 0, 2);
      if (other) other->template stage<2>();
      if (walk) sweep(false, true, k_before, 2, CV());
    } else {
      sweep(true, walk, k_before, 0, CV());
    }
  }

 private:
  // Of one group: G takes both rank-one updates, v <- k_before G, and its share of W dpre.
  template <class N>
  inline __attribute__((always_inline)) void accumulate(N n, int64_t group, const S* k_before) {
    V product[16];
    for (int i = n.n; i < 16; i++) product[i] = A::fill(0);
    // Locals: the compiler must take a vector store for a possible change of any member.
    const S *un = u + 16 * group, *dn = dpre + 16 * group, *de_ = difference, *x_ = x;
    S *const Gn = G + 16 * group * DP(), *const Wn = W + 16 * group * DP(), *const r_ = r_x, *const to = v + 16 * group;
    const int64_t pitch = DP();
    this->lane_blocks([&](auto m, int64_t d) __attribute__((always_inline)) {
      constexpr int chains = 4 / m.n;
      V de[m.n], xe[m.n], ke[m.n], sum[chains][m.n];
      for (int j = 0; j < m.n; j++) {
        de[j] = A::load(de_ + 16 * (d + j));
        xe[j] = A::load(x_ + 16 * (d + j));
        ke[j] = A::load(k_before + 16 * (d + j));
        for (int c = 0; c < chains; c++) sum[c][j] = A::fill(0);
      }
      SRWM_UNROLL(4)
      for (int i = 0; i < n.n; i += 4) {
        SRWM_UNROLL(4)
        for (int c = 0; c < 4; c++) {
          const int64_t at = (i + c) * pitch + 16 * d;
          const V uc = A::fill(un[i + c]), dc = A::fill(dn[i + c]);
          V along = A::fill(0);
          for (int j = 0; j < m.n; j++) {
            const V moved = A::fma(uc, de[j], A::fma(dc, xe[j], A::load(Gn + at + 16 * j)));
            A::store(Gn + at + 16 * j, moved);
            along = j == 0 ? A::mul(ke[j], moved) : A::fma(ke[j], moved, along);
            sum[c % chains][j] = A::fma(dc, A::load(Wn + at + 16 * j), sum[c % chains][j]);
          }
          product[i + c] = d == 0 ? along : A::add(product[i + c], along);
        }
      }
      for (int j = 0; j < m.n; j++) add_to(r_ + 16 * (d + j), total<chains, m.n>(sum, j), group == 0);
    });
    A::store(to, n.n == 4 ? A::row_sums4(product) : A::row_sums(product));
  }

  // Of one group: u, W goes back one step, and its shares of W u and of G insertion.
  template <class N>
  inline __attribute__((always_inline)) void walk_back(N n, int64_t group, const S* k, const S* insertion,
                                                       const S* beta) {
    const S *in = insertion + 16 * group, *un = u + 16 * group;
    const int part = this->part(group);
    const V vn = A::load(v + 16 * group);
    S *const Gn = G + 16 * group * DP(), *const Wn = W + 16 * group * DP(), *const r_ = r, *const p_ = p;
    const int64_t pitch = DP();
    A::store(u + 16 * group, A::mul(vn, A::fill(beta[part])));
    part_sum[part] = A::fma(vn, A::load(in), part_sum[part]);
    this->lane_blocks([&](auto m, int64_t d) __attribute__((always_inline)) {
      constexpr int chains = 4 / m.n;
      V ke[m.n], wu[chains][m.n], gi[chains][m.n];
      for (int j = 0; j < m.n; j++) {
        ke[j] = A::load(k + 16 * (d + j));
        for (int c = 0; c < chains; c++) wu[c][j] = gi[c][j] = A::fill(0);
      }
      SRWM_UNROLL(4)
      for (int i = 0; i < n.n; i += 4) {
        SRWM_UNROLL(4)
        for (int c = 0; c < 4; c++) {
          const int64_t at = (i + c) * pitch + 16 * d;
          const V ic = A::fill(in[i + c]), uc = A::fill(un[i + c]);
          for (int j = 0; j < m.n; j++) {
            const V before = A::fnma(ic, ke[j], A::load(Wn + at + 16 * j));
            A::store(Wn + at + 16 * j, before);
            wu[c % chains][j] = A::fma(uc, before, wu[c % chains][j]);
            gi[c % chains][j] = A::fma(ic, A::load(Gn + at + 16 * j), gi[c % chains][j]);
          }
        }
      }
      for (int j = 0; j < m.n; j++) {
        add_to(r_ + 16 * (d + j), total<chains, m.n>(wu, j), group == 0);
        add_to(p_ + 16 * (d + j), total<chains, m.n>(gi, j), group == 0);
      }
    });
  }

  // One sweep over groups `from` to `to` - 1: of the step at hand (`accumulate_it`), of the step before it (`walk_it`), whose
  // k, insertion and beta are given. Matrices that outgrow the first-level cache are read once for both.
  __attribute__((noinline)) void sweep(bool accumulate_it, bool walk_it, const S* k, int64_t from, int64_t to) {
    const S *insertion = this->insertion_of(k), *beta = this->beta_of(k);
    if (walk_it && from == 0)
      for (V& sum : part_sum) sum = A::fill(0);
    this->groups(from, to, [&](auto n, int64_t group) __attribute__((always_inline)) {
      if (accumulate_it) accumulate(n, group, k);
      if (walk_it) walk_back(n, group, k, insertion, beta);
    });
  }

  SRWM_INLINE void add_to(S* to, V value, bool first) { A::store(to, first ? value : A::add(A::load(to), value)); }
  template <int Chains, int Width>
  SRWM_INLINE V total(const V (&sum)[Chains][Width], int j) {
    if constexpr (Chains == 1) return sum[0][j];
    else if constexpr (Chains == 2) return A::add(sum[0][j], sum[1][j]);
    else return A::add(A::add(sum[0][j], sum[1][j]), A::add(sum[2][j], sum[3][j]));
  }
};

}  // namespace
