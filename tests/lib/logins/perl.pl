#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# perl - log in as Perl's programs do that use Authen::SASL::Cyrus
#
# usage: perl.pl pop|smtp|ldap PORT USER MECHANISM AUTHZID CAFILE
#
# Prints "ok" or "no", what the server said, and what SASL said.
use strict;
use warnings;
use Authen::SASL qw(Cyrus);

my ($service, $port, $user, $mechanism, $authzid, $ca) = @ARGV;
my $sasl = Authen::SASL->new(
	mechanism => $mechanism,
	callback => { authname => $user, user => $authzid });
my %tls = (SSL => 1, SSL_verify_mode => 1, SSL_ca_file => $ca);
my ($good, $words);

if ($service eq 'ldap') {
	require Net::LDAP;
	my $ldap = Net::LDAP->new("ldaps://localhost:$port",
		verify => 'require', cafile => $ca) or die "ldap: $@";
	my $result = $ldap->bind(sasl => $sasl);
	($good, $words) = (!$result->code, $result->error);
} else {
	my $class = $service eq 'pop' ? 'Net::POP3' : 'Net::SMTP';
	eval "require $class" or die $@;
	my $server = $class->new('localhost', Port => $port, %tls)
		or die "$service: $@";
	$good = $server->auth($sasl);
	$words = $server->message;
	$server->quit;
}
chomp $words;
print $good ? 'ok' : 'no', " $words\n", join("\n", $sasl->error), "\n";
exit !$good;
