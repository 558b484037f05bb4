#include "base/metrics.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <utility>

namespace reflex::base {
namespace {

void AppendNumber(double value, std::string& out) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  out.append(text, end);
}

void AppendSample(const std::string& name, std::string_view suffix, const std::string& labels, std::string_view extra_label,
                  double value, std::string& out) {
  out.append(name).append(suffix);
  if (!labels.empty() || !extra_label.empty()) {
    out.append("{").append(labels);
    if (!labels.empty() && !extra_label.empty()) out.append(",");
    out.append(extra_label).append("}");
  }
  out.append(" ");
  AppendNumber(value, out);
  out.append("\n");
}

void AppendHistogram(const std::string& name, const std::string& labels, const Histogram& histogram, std::string& out) {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i <= Histogram::kBoundsSeconds.size(); ++i) {
    total += histogram.Bucket(i);
    std::string bound = "le=\"";
    if (i < Histogram::kBoundsSeconds.size()) {
      AppendNumber(Histogram::kBoundsSeconds[i], bound);
    } else {
      bound.append("+Inf");
    }
    bound.append("\"");
    AppendSample(name, "_bucket", labels, bound, static_cast<double>(total), out);
  }
  AppendSample(name, "_sum", labels, {}, static_cast<double>(histogram.SumNs()) / 1e9, out);
  AppendSample(name, "_count", labels, {}, static_cast<double>(total), out);
}

}  // namespace

void Histogram::ObserveNs(std::int64_t nanoseconds) {
  const double seconds = static_cast<double>(nanoseconds) / 1e9;
  const auto bound = std::lower_bound(kBoundsSeconds.begin(), kBoundsSeconds.end(), seconds);
  buckets_[static_cast<std::size_t>(bound - kBoundsSeconds.begin())].fetch_add(1, std::memory_order_relaxed);
  sum_ns_.fetch_add(nanoseconds, std::memory_order_relaxed);
}

void MetricsRegistry::Insert(Row row) {
  // Rows of one name stay together, as the text format asks.
  std::size_t place = rows_.size();
  while (place > 0 && rows_[place - 1].name != row.name) --place;
  if (place == 0) place = rows_.size();
  rows_.insert(rows_.begin() + static_cast<std::ptrdiff_t>(place), std::move(row));
}

void* MetricsRegistry::Find(std::string_view name, std::string_view labels, std::string_view type) const {
  for (const Row& row : rows_) {
    if (row.metric == nullptr || row.name != name || row.labels != labels) continue;
    assert(row.type == type);
    return row.type == type ? row.metric : nullptr;
  }
  return nullptr;
}

Counter& MetricsRegistry::AddCounter(std::string name, std::string help, std::string labels) {
  MutexLock lock(mutex_);
  if (void* known = Find(name, labels, "counter")) return *static_cast<Counter*>(known);
  Counter& counter = counters_.emplace_back();
  Insert({std::move(name), std::move(help), std::move(labels), "counter",
          [&counter](const Row& row, std::string& out) {
            AppendSample(row.name, {}, row.labels, {}, static_cast<double>(counter.Value()), out);
          },
          &counter});
  return counter;
}

Gauge& MetricsRegistry::AddGauge(std::string name, std::string help, std::string labels) {
  MutexLock lock(mutex_);
  if (void* known = Find(name, labels, "gauge")) return *static_cast<Gauge*>(known);
  Gauge& gauge = gauges_.emplace_back();
  Insert({std::move(name), std::move(help), std::move(labels), "gauge",
          [&gauge](const Row& row, std::string& out) {
            AppendSample(row.name, {}, row.labels, {}, static_cast<double>(gauge.Value()), out);
          },
          &gauge});
  return gauge;
}

Histogram& MetricsRegistry::AddHistogram(std::string name, std::string help, std::string labels) {
  MutexLock lock(mutex_);
  if (void* known = Find(name, labels, "histogram")) return *static_cast<Histogram*>(known);
  Histogram& histogram = histograms_.emplace_back();
  Insert({std::move(name), std::move(help), std::move(labels), "histogram",
          [&histogram](const Row& row, std::string& out) { AppendHistogram(row.name, row.labels, histogram, out); }, &histogram});
  return histogram;
}

void MetricsRegistry::AddCallback(std::string name, std::string help, std::string labels, bool counter,
                                  std::function<double()> read) {
  MutexLock lock(mutex_);
  Insert({std::move(name), std::move(help), std::move(labels), counter ? "counter" : "gauge",
          [read = std::move(read)](const Row& row, std::string& out) { AppendSample(row.name, {}, row.labels, {}, read(), out); },
          nullptr});
}

std::string MetricsRegistry::Render() const {
  MutexLock lock(mutex_);
  std::string out;
  const std::string* last_name = nullptr;
  for (const Row& row : rows_) {
    if (last_name == nullptr || *last_name != row.name) {
      out.append("# HELP ").append(row.name).append(" ").append(row.help).append("\n");
      out.append("# TYPE ").append(row.name).append(" ").append(row.type).append("\n");
    }
    last_name = &row.name;
    row.render(row, out);
  }
  return out;
}

}  // namespace reflex::base
