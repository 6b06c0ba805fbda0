"""The words of the simulated company: places, brands, restaurants, people. Places are facts of IBGE and Correios."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A city the company delivers in. CEPs of the city lie between `cep_first` and `cep_last` (eight digits)."""

    code: str
    name: str
    state: str
    area_code: int
    cep_first: int
    cep_last: int
    weight: int


PLACES = (
    Place("3550308", "São Paulo", "SP", 11, 1001000, 5999999, 240),
    Place("3304557", "Rio de Janeiro", "RJ", 21, 20000000, 23799999, 120),
    Place("5300108", "Brasília", "DF", 61, 70000000, 70999999, 55),
    Place("2927408", "Salvador", "BA", 71, 40000000, 41999999, 50),
    Place("2304400", "Fortaleza", "CE", 85, 60000000, 60999999, 50),
    Place("3106200", "Belo Horizonte", "MG", 31, 30100000, 31999999, 50),
    Place("1302603", "Manaus", "AM", 92, 69000000, 69099999, 35),
    Place("4106902", "Curitiba", "PR", 41, 80000000, 82999999, 40),
    Place("2611606", "Recife", "PE", 81, 50000000, 52999999, 35),
    Place("5208707", "Goiânia", "GO", 62, 74000000, 74899999, 32),
    Place("1501402", "Belém", "PA", 91, 66000000, 66999999, 28),
    Place("4314902", "Porto Alegre", "RS", 51, 90000000, 91999999, 32),
    Place("3518800", "Guarulhos", "SP", 11, 7000000, 7399999, 25),
    Place("3509502", "Campinas", "SP", 19, 13010000, 13139999, 25),
    Place("2111300", "São Luís", "MA", 98, 65000000, 65109999, 20),
    Place("2704302", "Maceió", "AL", 82, 57000000, 57099999, 18),
    Place("5002704", "Campo Grande", "MS", 67, 79000000, 79124999, 17),
    Place("2211001", "Teresina", "PI", 86, 64000000, 64099999, 16),
    Place("2507507", "João Pessoa", "PB", 83, 58000000, 58099999, 16),
    Place("2408102", "Natal", "RN", 84, 59000000, 59139999, 16),
    Place("3549904", "São José dos Campos", "SP", 12, 12200000, 12249999, 14),
    Place("3543402", "Ribeirão Preto", "SP", 16, 14000000, 14109999, 14),
    Place("3170206", "Uberlândia", "MG", 34, 38400000, 38415999, 14),
    Place("3552205", "Sorocaba", "SP", 15, 18000000, 18109999, 14),
    Place("3547809", "Santo André", "SP", 11, 9000000, 9299999, 14),
    Place("5103403", "Cuiabá", "MT", 65, 78000000, 78099999, 13),
    Place("2910800", "Feira de Santana", "BA", 75, 44000000, 44149999, 12),
    Place("4209102", "Joinville", "SC", 47, 89200000, 89239999, 12),
    Place("2800308", "Aracaju", "SE", 79, 49000000, 49099999, 12),
    Place("3136702", "Juiz de Fora", "MG", 32, 36000000, 36109999, 11),
    Place("4113700", "Londrina", "PR", 43, 86000000, 86099999, 11),
    Place("4205407", "Florianópolis", "SC", 48, 88000000, 88099999, 11),
    Place("3303302", "Niterói", "RJ", 21, 24000000, 24399999, 10),
    Place("4305108", "Caxias do Sul", "RS", 54, 95000000, 95124999, 9),
    Place("2609600", "Olinda", "PE", 81, 53000000, 53399999, 8),
    Place("3205309", "Vitória", "ES", 27, 29000000, 29099999, 8),
)

IMPOSSIBLE_AREA_CODES = (20, 23, 25, 26, 29, 30, 36, 39, 40, 50, 52, 56, 57, 58, 59, 60, 70, 72, 76, 78, 80, 90)


@dataclass(frozen=True, slots=True)
class Brand:
    """A brand of one segment. `share` weighs its sales, `cents` is the price of its smallest pack."""

    name: str
    segment: str
    share: int
    cents: int


BRANDS = (
    Brand("Hungry", "refrigerante", 34, 549),
    Brand("Kola Brava", "refrigerante", 30, 599),
    Brand("Guaranata", "refrigerante", 22, 479),
    Brand("Gasosa do Vale", "refrigerante", 14, 399),
    Brand("Ouch", "salgadinho", 30, 899),
    Brand("Crocante", "salgadinho", 32, 949),
    Brand("Batata da Vó", "salgadinho", 22, 1099),
    Brand("Milhão", "salgadinho", 16, 649),
    Brand("Fonte Clara", "água", 55, 349),
    Brand("Serra Azul", "água", 45, 379),
    Brand("Pomar", "suco", 40, 899),
    Brand("Frutaria", "suco", 35, 799),
    Brand("Manhã", "suco", 25, 749),
    Brand("Doçura", "doce", 60, 599),
    Brand("Brigadim", "doce", 40, 699),
)

SEGMENT_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "refrigerante": ("refri", "Refrigerantes"),
    "salgadinho": ("snack", "Salgadinhos"),
    "água": ("agua mineral", "Águas"),
    "suco": ("Sucos", "suco natural"),
    "doce": ("Doces", "sobremesa"),
}
FLAVOURS: Mapping[str, tuple[str, ...]] = {
    "refrigerante": ("Original", "Limão", "Guaraná", "Zero Açúcar", "Maçã Verde"),
    "salgadinho": ("Queijo", "Cebola e Salsa", "Churrasco", "Pimentão", "Requeijão"),
    "água": ("sem Gás", "com Gás", "com Limão"),
    "suco": ("Maracujá", "Açaí", "Manga", "Limão-siciliano"),
    "doce": ("Coco", "Amendoim", "Chocolate", "Maçã do Amor"),
}
PACKS: tuple[tuple[str, int], ...] = (("unidade", 1), ("pacote com 4", 4), ("caixa com 12", 11), ("fardo com 240", 200))
"""A pack and how many times the price of one unit it costs."""

RESTAURANT_KINDS = ("Pizzaria", "Hamburgueria", "Japonesa", "Brasileira", "Açaí", "Lanches", "Árabe", "Saudável")
CATEGORY_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "Pizzaria": ("pizza", "Pizzas"),
    "Hamburgueria": ("burger", "Hamburguer"),
    "Japonesa": ("sushi", "Comida japonesa"),
    "Brasileira": ("comida caseira", "Prato feito"),
    "Açaí": ("acai", "Açaiteria"),
    "Lanches": ("lanche", "Lanchonete"),
    "Árabe": ("arabe", "Esfiharia"),
    "Saudável": ("fit", "Saladas"),
}
RESTAURANT_FIRST = (
    "Cantina",
    "Casa",
    "Cozinha",
    "Empório",
    "Recanto",
    "Sabor",
    "Tempero",
    "Varanda",
    "Quintal",
    "Rancho",
)
RESTAURANT_LAST = (
    *("do Zé", "da Praça", "do João", "da Conceição", "do Português", "da Estação", "do Sertão", "da Vovó", "do Pará"),
    *("da Ilha", "do Bairro", "de Minas", "da Serra", "do Seu Antônio", "da Dona Célia", "do Mercado", "do Cajá"),
)

PAYMENTS = ("pix", "credito", "debito", "dinheiro", "vale_refeicao")
PAYMENT_WEIGHTS = (40, 30, 14, 8, 8)
PAYMENT_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "pix": ("Pix", "PIX QR"),
    "credito": ("Cartão de Crédito", "crédito", "CC"),
    "debito": ("Cartão de Débito", "débito", "CD"),
    "dinheiro": ("Dinheiro", "espécie", "cash"),
    "vale_refeicao": ("Vale Refeição", "VR", "voucher"),
}
YES_WORDS = ("S", "SIM", "1")
NO_WORDS = ("N", "NÃO", "0")

FIRST_NAMES = (
    *(
        "Ana",
        "Antônio",
        "Beatriz",
        "Bruno",
        "Camila",
        "Carlos",
        "Cauã",
        "Célia",
        "Daniel",
        "Débora",
        "Eduardo",
        "Fábio",
    ),
    *(
        "Fernanda",
        "Flávia",
        "Gabriel",
        "Glória",
        "Helena",
        "Iara",
        "Inês",
        "João",
        "José",
        "Júlia",
        "Larissa",
        "Letícia",
    ),
    *(
        "Lívia",
        "Lucas",
        "Luís",
        "Marcelo",
        "Maria",
        "Mateus",
        "Mônica",
        "Natália",
        "Otávio",
        "Patrícia",
        "Paulo",
        "Pedro",
    ),
    *(
        "Rafael",
        "Raquel",
        "Renata",
        "Sérgio",
        "Sofia",
        "Tânia",
        "Tiago",
        "Valéria",
        "Vinícius",
        "Vitória",
        "Yuri",
        "Zélia",
    ),
)
LAST_NAMES = (
    *("Almeida", "Alves", "Araújo", "Assunção", "Barbosa", "Cardoso", "Conceição", "Corrêa", "Costa", "Dias", "Falcão"),
    *(
        "Fernandes",
        "Ferreira",
        "Freitas",
        "Galvão",
        "Gomes",
        "Gonçalves",
        "Leão",
        "Lima",
        "Lopes",
        "Magalhães",
        "Martins",
    ),
    *(
        "Melo",
        "Mendonça",
        "Moreira",
        "Nascimento",
        "Oliveira",
        "Paixão",
        "Pereira",
        "Ribeiro",
        "Rocha",
        "Santos",
        "Silva",
    ),
    *("Simões", "Sousa", "Teixeira", "Vasconcelos", "Vieira"),
)
MAIL_DOMAINS = ("exemplo.com.br", "correio.example.com", "mail.example.org", "caixa.example.net")
