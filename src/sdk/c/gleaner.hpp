// C++17 over libgleaner: a lease that ends with its scope, and errors as exceptions.
#ifndef GLEANER_HPP
#define GLEANER_HPP

#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gleaner.h"

namespace gleaner {

class error : public std::runtime_error {
public:
	error(gleaner_error code, const std::string &words)
		: std::runtime_error(std::string(gleaner_error_message(code)) + (words.empty() ? "" : ": " + words)),
		  code_(code)
	{
	}
	gleaner_error code() const noexcept { return code_; }

private:
	gleaner_error code_;
};

// Bytes that belong to somebody else.
struct bytes {
	const void *data = nullptr;
	std::size_t size = 0;

	bytes(const void *from, std::size_t length) : data(from), size(length) {}
	template <typename Container>
	bytes(const Container &container)
		: data(container.data()), size(container.size() * sizeof(*container.data()))
	{
	}
};

class lease {
public:
	explicit lease(const gleaner_options &options) { check(gleaner_lease_open(&options, &lease_)); }
	lease(const std::vector<gleaner_endpoint> &endpoints, const gleaner_options &options)
	{
		check(gleaner_connect_endpoint(endpoints.data(), endpoints.size(), &options, &lease_));
	}
	lease(lease &&other) noexcept : lease_(std::exchange(other.lease_, nullptr)) {}
	lease &operator=(lease &&other) noexcept
	{
		std::swap(lease_, other.lease_);
		return *this;
	}
	lease(const lease &) = delete;
	lease &operator=(const lease &) = delete;
	~lease() { gleaner_lease_close(lease_); }

	std::size_t workers() const { return gleaner_lease_workers(lease_); }
	gleaner_lease *get() const noexcept { return lease_; }

	// Returns the size of the output, which is written to `output`.
	std::size_t invoke(bytes input, void *output, std::size_t capacity)
	{
		std::size_t size = 0;
		check(gleaner_invoke(lease_, input.data, input.size, output, capacity, &size));
		return size;
	}
	// Outputs of at most `capacity` elements.
	template <typename Element>
	std::vector<Element> invoke(bytes input, std::size_t capacity)
	{
		std::vector<Element> output(capacity);
		output.resize(invoke(input, output.data(), capacity * sizeof(Element)) / sizeof(Element));
		return output;
	}

private:
	void check(gleaner_error code) const
	{
		if (code != GLEANER_OK)
			throw error(code, lease_ == nullptr ? "" : gleaner_lease_message(lease_));
	}
	gleaner_lease *lease_ = nullptr;
};

} // namespace gleaner

#endif
