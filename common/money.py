"""Money: an exact decimal amount in a currency of ISO 4217, with that currency's minor unit."""

from decimal import ROUND_HALF_EVEN, Decimal

# ISO 4217, active codes of nations. Those with a minor unit other than 2 stand in MINOR_UNITS.
CURRENCIES = frozenset(
    """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD
    CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS
    GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW
    KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR
    MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR
    SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX
    USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG
    """.split()
)
MINOR_UNITS = dict.fromkeys(
    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split(), 0
) | dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3)


def minor_unit(currency: str) -> int:
    """How many decimals amounts in `currency` have."""
    return MINOR_UNITS.get(currency, 2)


def quantize(amount: Decimal, currency: str) -> Decimal:
    """`amount` rounded half to even to the minor unit of `currency`."""
    return amount.quantize(Decimal(1).scaleb(-minor_unit(currency)), ROUND_HALF_EVEN)


def is_exact(amount: Decimal, currency: str) -> bool:
    """Whether `amount` has no digits below the minor unit of `currency`."""
    return quantize(amount, currency) == amount


def format_amount(amount: Decimal, currency: str) -> str:
    """The decimal string of the wire: `35000` INR is "35000.00"."""
    return str(quantize(amount, currency))
