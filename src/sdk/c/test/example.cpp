// Calls a leased worker from C++: example < ENDPOINT, six lines.
#include <iostream>
#include <string>

#include "gleaner.hpp"

int main()
{
	std::string worker, host, port, socket, host_id, key;
	for (std::string *each : { &worker, &host, &port, &socket, &host_id, &key })
		std::getline(std::cin, *each);
	const gleaner_endpoint endpoint = { worker.c_str(), host.c_str(), static_cast<uint16_t>(std::stoi(port)),
					    socket.c_str(), host_id.c_str(), key.c_str() };
	try {
		gleaner::lease lease({ endpoint }, gleaner_options{});
		const std::vector<double> numbers = { 1.5, 2.5, 4 };
		const auto back = lease.invoke<double>(numbers, 8);
		std::cout << (back == numbers ? "ok" : "different") << std::endl;
		lease.invoke(std::string("fail"), nullptr, 0);
	} catch (const gleaner::error &problem) {
		std::cout << problem.code() << std::endl;
	}
}
